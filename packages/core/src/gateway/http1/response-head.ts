/** Heads of responses from upstreams, as strict as those of requests (RFC 9112 4, 5, 6.3). */
import { ConnectionOptions } from "./connection-options.ts";
import { BAD_LENGTH, contentLength } from "./content-length.ts";
import { FieldLines, KeptLines, withoutNames } from "./field-lines.ts";
import { isName, Refusal, SP } from "./grammar.ts";
import { type HeadLimits, TOO_LARGE_HEAD } from "./head-reader.ts";
import { CHUNKED } from "./request-head.ts";

/** Length of a body that ends with the connection. */
export const UNTIL_CLOSE = -2;

export interface ResponseHead {
  readonly status: number;
  /** ` 200 OK`: what stands behind the version in the first line. */
  readonly statusText: string;
  /** Bytes of the body that follows; `CHUNKED`, `UNTIL_CLOSE`. */
  readonly bodyBytes: number;
  /** Content-Length as it stood there, also when no body follows (HEAD, 304). */
  readonly contentLength: number | undefined;
  /** The connection may carry another request afterwards. */
  readonly keepAlive: boolean;
  /** It switches to WebSocket (with status 101). */
  readonly isUpgrade: boolean;
  /** The other headers that are passed on, each line with its end. */
  readonly lines: string;
}

const BAD_LINE = new Refusal("unavailable/upstream", "The answer's first line is not HTTP/1.1.");
const TWO_LENGTHS = new Refusal("unavailable/upstream", "The answer has more than one Content-Length.");
const BOTH = new Refusal("unavailable/upstream", "The answer has both Content-Length and Transfer-Encoding.");
const BAD_ENCODING = new Refusal(
  "unavailable/upstream",
  "The answer's Transfer-Encoding is something else than chunked.",
);

const PASS = 0;
const DROP = 1;
const CONNECTION = 2;
const LENGTH = 3;
const ENCODING = 4;
const UPGRADE = 5;

function meaning(text: string, from: number, to: number): number {
  switch (to - from) {
    case 7:
      if (isName(text, from, to, "upgrade")) return UPGRADE;
      return isName(text, from, to, "trailer") ? DROP : PASS;
    case 10:
      if (isName(text, from, to, "connection")) return CONNECTION;
      return isName(text, from, to, "keep-alive") ? DROP : PASS;
    case 12:
      return isName(text, from, to, "x-request-id") ? DROP : PASS;
    case 14:
      return isName(text, from, to, "content-length") ? LENGTH : PASS;
    case 16:
      return isName(text, from, to, "proxy-connection") ? DROP : PASS;
    case 17:
      return isName(text, from, to, "transfer-encoding") ? ENCODING : PASS;
    default:
      return PASS;
  }
}

const said = { length: undefined as number | undefined, isChunked: false, isWebSocket: false };
const connection = new ConnectionOptions();
const fields = new FieldLines();
const kept = new KeptLines();

/** `bytes` from `from` to `to` are a whole head. `isHead`: it answers a HEAD request. */
export function parseResponseHead(
  bytes: Buffer,
  from: number,
  to: number,
  limits: HeadLimits,
  isHead: boolean,
): ResponseHead | Refusal {
  const text = bytes.toString("latin1", from, to);
  const isHttp10 = text.startsWith("HTTP/1.0 ");
  const lineTo = text.indexOf("\r\n");
  const status = statusCode(bytes, from);
  if ((!isHttp10 && !text.startsWith("HTTP/1.1 ")) || status < 100 || status > 599) return BAD_LINE;
  if (bytes[from + 12] !== SP && lineTo !== 12) return BAD_LINE;
  const refusal = readFields(bytes, from, text, lineTo + 2, limits);
  if (refusal !== undefined) return refusal;
  if (said.isChunked && (said.length !== undefined || isHttp10)) return BOTH;
  const lines = kept.end(text.length - 2);
  const bodyBytes = bodyOf(status, isHead);
  return {
    status,
    statusText: text.slice(8, lineTo),
    bodyBytes,
    contentLength: said.length,
    keepAlive: !isHttp10 && !connection.close && bodyBytes !== UNTIL_CLOSE,
    isUpgrade: status === 101 && connection.upgrade && said.isWebSocket,
    lines: connection.named === undefined ? lines : withoutNames(lines, connection.named),
  };
}

function statusCode(bytes: Buffer, from: number): number {
  let status = 0;
  for (let i = from + 9; i < from + 12; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    status = status * 10 + digit;
  }
  return status;
}

function bodyOf(status: number, isHead: boolean): number {
  if (isHead || status < 200 || status === 204 || status === 304) return 0;
  if (said.isChunked) return CHUNKED;
  return said.length ?? UNTIL_CLOSE;
}

function readFields(bytes: Buffer, base: number, text: string, first: number, limits: HeadLimits): Refusal | undefined {
  said.length = undefined;
  said.isChunked = false;
  said.isWebSocket = false;
  connection.reset();
  fields.begin(bytes, base, first);
  kept.begin(text, first);
  let count = 0;
  while (fields.step()) {
    if (++count > limits.maxHeaders) return TOO_LARGE_HEAD;
    const what = meaning(text, fields.lineFrom, fields.nameTo);
    if (what === PASS) continue;
    kept.drop(fields.lineFrom, fields.next);
    if (what === DROP) continue;
    const refusal = note(what, text.slice(fields.valueFrom, fields.valueTo));
    if (refusal !== undefined) return refusal;
  }
  return fields.refusal;
}

function note(what: number, value: string): Refusal | undefined {
  switch (what) {
    case CONNECTION:
      return connection.add(value);
    case LENGTH:
      if (said.length !== undefined) return TWO_LENGTHS;
      said.length = contentLength(value);
      return said.length < 0 ? BAD_LENGTH : undefined;
    case ENCODING:
      if (said.isChunked || value !== "chunked") return BAD_ENCODING;
      said.isChunked = true;
      return undefined;
    default:
      said.isWebSocket = value.toLowerCase() === "websocket";
      return undefined;
  }
}
