/** What is spoken on a port of several protocols, by the first bytes that the client sends. */
import { type HelloLimits, readClientHello } from "../tls/client-hello.ts";

export type Spoken =
  /** It may become one of several: more must come. */
  | "undecided"
  | "ssh"
  | "http"
  /** `serverName` undefined: it names nobody, or cannot be read, which is for who ends TLS to say. */
  | { readonly serverName: string | undefined }
  | "other";

const SSH = Buffer.from("SSH-");
const TLS_RECORD = 0x16;
const SPACE = 0x20;
/** Methods are short: what has no space by then is something else. */
const MAX_METHOD_BYTES = 20;
/** The preface of HTTP/2 has `* `. */
const TARGETS = ["/", "* ", "http://", "https://"].map((text) => Buffer.from(text));
const CONNECT = "CONNECT";

/** `bytes`: all that has come so far. */
export function detect(bytes: Buffer, limits: HelloLimits): Spoken {
  if (bytes.length === 0) return "undecided";
  if (bytes[0] === TLS_RECORD) {
    if (bytes.length > 1 && bytes[1] !== 3) return "other";
    const hello = readClientHello(bytes, limits);
    if (hello === "more") return "undecided";
    return typeof hello === "string" ? { serverName: undefined } : hello;
  }
  const ssh = begins(bytes, 0, SSH);
  if (ssh === true) return "ssh";
  const http = isHttp(bytes);
  if (http === true) return "http";
  return ssh === undefined || http === undefined ? "undecided" : "other";
}

/** Undefined: as far as there is something, it does. */
function begins(bytes: Buffer, at: number, word: Buffer): boolean | undefined {
  const count = Math.min(bytes.length - at, word.length);
  if (bytes.compare(word, 0, count, at, at + count) !== 0) return false;
  return count === word.length ? true : undefined;
}

/** A method in capitals, a space, and what a target begins with. Undefined: so far. */
function isHttp(bytes: Buffer): boolean | undefined {
  let at = 0;
  while (at < bytes.length && bytes[at] !== SPACE) {
    const letter = bytes[at] as number;
    if ((letter < 0x41 || letter > 0x5a) && letter !== 0x2d) return false;
    if (++at > MAX_METHOD_BYTES) return false;
  }
  if (at === bytes.length) return undefined;
  if (at < 3) return false;
  if (bytes.toString("latin1", 0, at) === CONNECT) return true;
  const targets = TARGETS.map((target) => begins(bytes, at + 1, target));
  if (targets.includes(true)) return true;
  return targets.includes(undefined) ? undefined : false;
}
