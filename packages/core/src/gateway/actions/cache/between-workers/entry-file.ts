/**
 * One answer as it stands in a file: `SKC1`, CRC-32 of all that follows, length of what is said of it, length of its body, number
 * of the worker that has written it, four bytes that are zero, until when it is fresh (a double); then what is said of it as JSON,
 * then the body. Numbers are little-endian, times are of the machine's monotonic clock, in milliseconds.
 */
import { crc32 } from "node:zlib";
import type { Kept } from "../response-cache.ts";

const MAGIC = 0x31434b53;
const CHECKED_FROM = 8;
export const HEAD_BYTES = 32;

export interface FileHead {
  readonly owner: number;
  readonly freshUntilMs: number;
  /** Of the whole file. */
  readonly bytes: number;
  /** Of what is said of it. */
  readonly saidBytes: number;
}

type Said = Omit<Kept, "body" | "varied"> & { readonly key: string; readonly varied: readonly (string | null)[] };

/** In two parts, so that the body is not copied. `originMs`: what the machine's clock is ahead of the process'. */
export function encodeEntry(key: string, { body, ...rest }: Kept, owner: number, originMs: number): [Buffer, Buffer] {
  const said: Said = {
    ...{ ...rest, key, varied: rest.varied.map((value) => value ?? null), madeMs: rest.madeMs + originMs },
    ...{ renewUntilMs: rest.renewUntilMs + originMs, errorUntilMs: rest.errorUntilMs + originMs },
  };
  const json = Buffer.from(JSON.stringify(said));
  const head = Buffer.alloc(HEAD_BYTES + json.length);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(json.length, 8);
  head.writeUInt32LE(body.length, 12);
  head.writeUInt32LE(owner, 16);
  head.writeDoubleLE(rest.freshUntilMs + originMs, 24);
  json.copy(head, HEAD_BYTES);
  head.writeUInt32LE(crc32(body, crc32(head.subarray(CHECKED_FROM))), 4);
  return [head, body];
}

/** Of a file's first bytes; nothing of it is sure yet. Undefined: it is none. */
export function readFileHead(bytes: Buffer, originMs: number): FileHead | undefined {
  if (bytes.length < HEAD_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const saidBytes = bytes.readUInt32LE(8);
  const freshUntilMs = bytes.readDoubleLE(24) - originMs;
  return {
    owner: bytes.readUInt32LE(16),
    freshUntilMs,
    saidBytes,
    bytes: HEAD_BYTES + saidBytes + bytes.readUInt32LE(12),
  };
}

/** Of a whole file. Undefined: it is torn, has been changed, or is another's. The body is the file's end, and shares its memory. */
export function decodeEntry(bytes: Buffer, key: string, originMs: number): Kept | undefined {
  const head = readFileHead(bytes, originMs);
  if (head === undefined || head.bytes !== bytes.length) return undefined;
  if (crc32(bytes.subarray(CHECKED_FROM)) !== bytes.readUInt32LE(4)) return undefined;
  const bodyFrom = HEAD_BYTES + head.saidBytes;
  const { key: itsKey, ...said } = JSON.parse(bytes.toString("utf8", HEAD_BYTES, bodyFrom)) as Said;
  if (itsKey !== key) return undefined;
  return {
    ...{ ...said, varied: said.varied.map((value) => value ?? undefined), freshUntilMs: head.freshUntilMs },
    ...{ madeMs: said.madeMs - originMs, body: bytes.subarray(bodyFrom) },
    ...{ renewUntilMs: said.renewUntilMs - originMs, errorUntilMs: said.errorUntilMs - originMs },
  };
}

/** Of a whole file, unchecked: for who takes away what is another's as well. */
export function readRouteAndUri(bytes: Buffer): Pick<Kept, "route" | "uri"> | undefined {
  const head = readFileHead(bytes, 0);
  if (head === undefined || head.bytes !== bytes.length) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8", HEAD_BYTES, HEAD_BYTES + head.saidBytes)) as Said;
  } catch {
    return undefined;
  }
}
