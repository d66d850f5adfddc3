/** The corpora of fixtures/gateway that are bytes of one message each, built from what they say. */
import { readFileSync } from "node:fs";

type Part =
  | string
  | { readonly repeat: string; readonly times: number }
  | { readonly hex: string }
  | { readonly behind: string };

interface Extension {
  readonly type?: number;
  readonly hex?: string;
  readonly zeros?: number;
  readonly sni?: string;
  readonly kind?: number;
  readonly raw?: string;
}

interface HelloParts {
  readonly version?: number;
  readonly session?: number;
  readonly ciphers?: string;
  readonly compressions?: string;
  readonly extensions?: readonly Extension[];
}

interface DeclaredHello {
  readonly name: string;
  readonly hello?: HelloParts;
  readonly records?: number;
  readonly set?: readonly (readonly [at: number, hex: string])[];
  readonly inside?: string;
  readonly behind?: string;
  readonly raw?: string;
  readonly says: HelloCase["says"];
}

export interface HelloCase {
  readonly name: string;
  readonly bytes: Buffer;
  /** What comes behind the ClientHello is not its own. */
  readonly ownBytes: number;
  readonly says: "more" | "none" | "broken" | { readonly serverName: string | null };
}

export interface ProxyHeaderCase {
  readonly name: string;
  readonly bytes: Buffer;
  /** Of the head; the rest is data. */
  readonly ownBytes: number;
  readonly says: "more" | "broken" | "nobody" | { readonly client: string; readonly port: number };
}

const FOLDER = new URL("../../../../fixtures/gateway/", import.meta.url);

function corpus<T>(file: string): T[] {
  return JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as T[];
}

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const vector = (lengthBytes: 1 | 2, content: Buffer): Buffer => {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
};

function extensionOf({ type = 0, hex: content = "", zeros, sni, kind = 0, raw }: Extension): Buffer {
  if (raw !== undefined) return hex(raw);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(type);
  const name = (text: string): Buffer => Buffer.concat([Buffer.from([kind]), vector(2, Buffer.from(text, "latin1"))]);
  const bytes = sni === undefined ? (zeros === undefined ? hex(content) : Buffer.alloc(zeros)) : vector(2, name(sni));
  return Buffer.concat([head, vector(2, bytes)]);
}

function helloOf({ version = 3, session = 32, ciphers = "1301", compressions = "00", extensions }: HelloParts): Buffer {
  const body = Buffer.concat([
    Buffer.from([version, 3]),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(session)),
    vector(2, hex(ciphers)),
    vector(1, hex(compressions)),
    ...(extensions === undefined ? [] : [vector(2, Buffer.concat(extensions.map(extensionOf)))]),
  ]);
  return Buffer.concat([Buffer.from([1, 0]), vector(2, body)]);
}

/** `message` in records of handshakes, of at most so many bytes. */
export function inRecords(message: Buffer, most: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += most) {
    parts.push(Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + most)));
  }
  return Buffer.concat(parts);
}

function helloCase({ name, hello, records = 16_384, set = [], inside = "", behind = "", ...rest }: DeclaredHello) {
  const own =
    rest.raw !== undefined ? hex(rest.raw) : inRecords(Buffer.concat([helloOf(hello ?? {}), hex(inside)]), records);
  for (const [at, bytes] of set) hex(bytes).copy(own, at);
  return { name, bytes: Buffer.concat([own, hex(behind)]), ownBytes: own.length, says: rest.says };
}

export const helloCorpus: readonly HelloCase[] = corpus<DeclaredHello>("client-hellos.json").map(helloCase);

function bytesOf(part: Part): Buffer {
  if (typeof part === "string") return Buffer.from(part, "latin1");
  if ("hex" in part) return hex(part.hex);
  return Buffer.from("behind" in part ? part.behind : part.repeat.repeat(part.times), "latin1");
}

export const proxyHeaderCorpus: readonly ProxyHeaderCase[] = corpus<{
  readonly name: string;
  readonly bytes: readonly Part[];
  readonly says: ProxyHeaderCase["says"];
}>("proxy-headers.json").map(({ name, bytes, says }) => {
  const own = bytes.filter((part) => typeof part === "string" || !("behind" in part));
  return {
    ...{ name, says, bytes: Buffer.concat(bytes.map(bytesOf)) },
    ownBytes: Buffer.concat(own.map(bytesOf)).length,
  };
});

export interface TargetCase {
  readonly name: string;
  readonly method: string;
  readonly host: string;
  /** Latin1. */
  readonly target: string;
  /** Its answer over HTTP/1. */
  readonly says: TargetAnswer;
  /** The same over HTTP/2, as `:path`. */
  readonly overHttp2: TargetAnswer | { readonly reset: number };
}

/** The id of an error, or the route that it takes and what the upstream gets. */
export type TargetAnswer = string | { readonly route: string; readonly sends: string };

interface DeclaredTarget {
  readonly name: string;
  readonly method?: string;
  readonly target: readonly Part[];
  readonly host?: string;
  readonly route?: string;
  readonly sends?: string;
  readonly refuse?: string;
  readonly h2?: string | { readonly reset: number };
}

/** The routes, by name, that `targets.json` speaks of. */
export const TARGET_ROUTES = {
  all: { path: "/" },
  admin: { path: "/admin" },
  list: { path: "/files/list", match: { path: "exact" } },
  users: { path: "^/u/\\d+$", match: { path: "regex" } },
} as const;

export const targetCorpus: readonly TargetCase[] = corpus<DeclaredTarget>("targets.json").map(
  ({ name, method = "GET", host = "app.example", h2, ...one }) => {
    const target = Buffer.concat(one.target.map(bytesOf)).toString("latin1");
    const says = one.refuse ?? { route: one.route ?? "", sends: one.sends ?? target };
    return { name, method, host, target, says, overHttp2: h2 ?? says };
  },
);
