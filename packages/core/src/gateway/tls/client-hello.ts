/**
 * The server name of a TLS ClientHello (RFC 8446 4.1.2, RFC 6066 3), read before the handshake begins, so that all of the
 * handshake, tickets too, runs under the rules of that name. Never throws, whatever the bytes are.
 */

/** The ClientHello has not come to its end. */
export const MORE = 1;
/** These bytes begin no TLS handshake. */
export const NO_TLS = 2;

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEAD_BYTES = 5;
/** RFC 8446 5.1. */
const MAX_RECORD_BYTES = 16_384;
/** Clients cut it in two or three; each costs a look at every byte that comes. */
const MAX_RECORDS = 32;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** As it came; `""`: it gives none. */
export type ServerName = string | typeof MORE | typeof NO_TLS;

/** `bytes` are all that came so far. What lies behind the ClientHello is not looked at. */
export function serverNameOf(bytes: Buffer): ServerName {
  const hello = messageIn(bytes);
  return typeof hello === "number" ? hello : nameIn(hello);
}

/** The ClientHello without its head; it may come in several records. */
function messageIn(bytes: Buffer): Buffer | typeof MORE | typeof NO_TLS {
  const parts: Buffer[] = [];
  let have = 0;
  let need = 4;
  for (let at = 0; parts.length < MAX_RECORDS; ) {
    // Each byte is looked at as soon as it is there: who speaks something else is not waited for.
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return NO_TLS;
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return NO_TLS;
    if (at + RECORD_HEAD_BYTES > bytes.length) return MORE;
    const size = bytes.readUInt16BE(at + 3);
    if (size === 0 || size > MAX_RECORD_BYTES) return NO_TLS;
    const record = bytes.subarray(at + RECORD_HEAD_BYTES, at + RECORD_HEAD_BYTES + size);
    if (have === 0 && record.length > 0 && record[0] !== CLIENT_HELLO) return NO_TLS;
    parts.push(record);
    have += record.length;
    if (have >= need) {
      const all = parts.length === 1 ? record : Buffer.concat(parts);
      need = 4 + all.readUIntBE(1, 3);
      if (have >= need) return all.subarray(4, need);
    }
    if (record.length < size) return MORE;
    at += RECORD_HEAD_BYTES + size;
  }
  return NO_TLS;
}

function nameIn(hello: Buffer): string | typeof NO_TLS {
  // Version, random, session id.
  let at = 2 + 32;
  at += 1 + (hello[at] ?? 0);
  at += 2 + u16(hello, at); // cipher suites
  at += 1 + (hello[at] ?? 0); // compression
  if (at > hello.length) return NO_TLS;
  const end = Math.min(at + 2 + u16(hello, at), hello.length);
  at += 2;
  while (at + 4 <= end) {
    const kind = u16(hello, at);
    const size = u16(hello, at + 2);
    at += 4;
    if (kind === SERVER_NAME && at + size <= end) return hostName(hello.subarray(at, at + size));
    at += size;
  }
  return "";
}

/** The list has one name: OpenSSL refuses any other. */
function hostName(list: Buffer): string {
  const size = u16(list, 3);
  if (list.length < 5 || list[2] !== HOST_NAME || 5 + size > list.length) return "";
  return list.toString("latin1", 5, 5 + size);
}

function u16(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
