/**
 * The name that a TLS ClientHello asks for (RFC 8446 4.1.2, RFC 6066 3), read before the handshake begins: to pass it on
 * unread, or to run all of the handshake, tickets too, under the rules of that name. Read as strictly as it is short: lengths
 * must fit exactly, and what is not understood is broken. It may come in pieces, and be spread over records (RFC 8446 5.1).
 */
export interface HelloLimits {
  /** Bytes of the ClientHello, without the heads of its records. */
  readonly maxHelloBytes: number;
  /** Records that it is spread over. */
  readonly maxHelloRecords: number;
}

export type Hello =
  /** It goes on. */
  | "more"
  /** These bytes begin no TLS handshake, or one that is longer than is taken. */
  | "none"
  /** It is whole and not well-formed, or names what is no host: whoever ends TLS says what is wrong. */
  | "broken"
  /** Lower case, without a dot at the end; undefined: it names nobody. */
  | { readonly serverName: string | undefined };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const MAX_RECORD_BYTES = 16 * 1024;
const RECORD_HEAD_BYTES = 5;
const MESSAGE_HEAD_BYTES = 4;
const RANDOM_BYTES = 32;

/** `bytes`: all that has come so far. What lies in records behind the ClientHello is not looked at. Never throws. */
export function readClientHello(bytes: Buffer, limits: HelloLimits): Hello {
  const parts: Buffer[] = [];
  let have = 0;
  let need = MESSAGE_HEAD_BYTES;
  let declared = 0;
  for (let at = 0, records = 0; have < need; records++) {
    const head = readRecordHead(bytes, at);
    if (head === "more" || head === "none") return head;
    if (records === limits.maxHelloRecords) return "none";
    const part = bytes.subarray(at + RECORD_HEAD_BYTES, at + RECORD_HEAD_BYTES + head);
    // Each byte is looked at as soon as it is there: who speaks something else is not waited for.
    if (have === 0 && part.length > 0 && part[0] !== CLIENT_HELLO) return "none";
    parts.push(part);
    have += part.length;
    at += RECORD_HEAD_BYTES + head;
    declared += head;
    if (need === MESSAGE_HEAD_BYTES && have >= MESSAGE_HEAD_BYTES) {
      const start = parts.length === 1 ? part : Buffer.concat(parts);
      need += start.readUIntBE(1, 3);
      if (need - MESSAGE_HEAD_BYTES > limits.maxHelloBytes) return "none";
    }
    // Nothing may follow it before the server has answered.
    if (have >= MESSAGE_HEAD_BYTES && declared > need) return "broken";
    if (part.length < head && have < need) return "more";
  }
  const message = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  const name = readServerName(new Reader(message.subarray(MESSAGE_HEAD_BYTES, need)));
  return name === BROKEN ? "broken" : { serverName: name };
}

/** The length that a record says. */
function readRecordHead(bytes: Buffer, at: number): number | "more" | "none" {
  if (at < bytes.length && bytes[at] !== HANDSHAKE_RECORD) return "none";
  if (at + 1 < bytes.length && bytes[at + 1] !== 3) return "none";
  if (at + RECORD_HEAD_BYTES > bytes.length) return "more";
  const length = bytes.readUInt16BE(at + 3);
  // An empty one is allowed for no handshake.
  return length === 0 || length > MAX_RECORD_BYTES ? "none" : length;
}

const BROKEN = Symbol("broken");

/** Reads forward; what goes past the end is broken, and stays so. */
class Reader {
  isBroken = false;
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Buffer {
    if (count > this.left) this.isBroken = true;
    const at = this.#at;
    this.#at = Math.min(at + count, this.#bytes.length);
    return this.#bytes.subarray(at, this.#at);
  }

  number(bytes: 1 | 2): number {
    const taken = this.take(bytes);
    return this.isBroken ? 0 : taken.readUIntBE(0, bytes);
  }

  /** So many bytes as a number before them says. */
  vector(lengthBytes: 1 | 2): Buffer {
    return this.take(this.number(lengthBytes));
  }
}

function readServerName(hello: Reader): string | undefined | typeof BROKEN {
  const isTls = hello.number(1) === 3; // legacy_version
  hello.take(1 + RANDOM_BYTES);
  const session = hello.vector(1);
  const ciphers = hello.vector(2);
  const compressions = hello.vector(1);
  const isWellFormed =
    isTls && session.length <= 32 && ciphers.length >= 2 && ciphers.length % 2 === 0 && compressions.length > 0;
  if (!isWellFormed || hello.isBroken) return BROKEN;
  if (hello.left === 0) return undefined; // before TLS 1.2 nothing need follow
  const extensions = new Reader(hello.vector(2));
  if (hello.isBroken || hello.left > 0) return BROKEN;
  let name: string | undefined;
  const seen = new Set<number>();
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (extensions.isBroken || seen.has(type)) return BROKEN;
    seen.add(type);
    if (type !== SERVER_NAME) continue;
    name = readNameList(content);
    if (name === undefined) return BROKEN;
  }
  return name;
}

/** Exactly one host name, as everybody sends it. */
function readNameList(content: Buffer): string | undefined {
  const reader = new Reader(content);
  const list = new Reader(reader.vector(2));
  const type = list.number(1);
  const name = list.vector(2);
  if (reader.isBroken || list.isBroken || reader.left + list.left > 0 || type !== HOST_NAME) return undefined;
  const text = name.toString("latin1").toLowerCase().replace(/\.$/, "");
  return text.length <= 253 && /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(text) ? text : undefined;
}
