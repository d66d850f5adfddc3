/** Heads of responses from upstreams, as strict as those of requests (RFC 9112 4, 5, 6.3). */
import { BAD_LENGTH, contentLength } from "./content-length.ts";
import { LINE, Refusal, SP } from "./grammar.ts";
import { CONNECTION, DROP, HeadFields } from "./head-fields.ts";
import type { HeadBytes, HeadLimits } from "./head-reader.ts";
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
  /** It says when it was made. */
  readonly hasDate: boolean;
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

export const RESPONSE_LENGTH = 3;
const ENCODING = 4;
const UPGRADE = 5;
export const RESPONSE_DATE = -1;

/** Every header that is not just passed on. */
export const RESPONSE_NAMES = [
  ["date", RESPONSE_DATE],
  ["upgrade", UPGRADE],
  ["connection", CONNECTION],
  ["keep-alive", DROP],
  ["x-request-id", DROP],
  ["content-length", RESPONSE_LENGTH],
  ["proxy-connection", DROP],
  ["transfer-encoding", ENCODING],
] as const;

const said = { length: undefined as number | undefined, isChunked: false, isWebSocket: false, hasDate: false };
const fields = new HeadFields({ names: RESPONSE_NAMES, dropsUnderscores: false, note });
const { connection } = fields;

/** `bytes` from `from` are a whole head; so is `text`. `isHead`: it answers a HEAD request. */
export function parseResponseHead(
  { bytes, from, text }: HeadBytes,
  limits: HeadLimits,
  isHead: boolean,
): ResponseHead | Refusal {
  const isHttp10 = text.startsWith("HTTP/1.0 ");
  const lineTo = text.indexOf("\r\n");
  const status = statusCode(bytes, from);
  if ((!isHttp10 && !text.startsWith("HTTP/1.1 ")) || status < 100 || status > 599) return BAD_LINE;
  if (bytes[from + 12] !== SP && lineTo !== 12) return BAD_LINE;
  for (let i = from + 12; i < from + lineTo; i++) if (LINE[bytes[i] as number] !== 1) return BAD_LINE;
  said.length = undefined;
  said.isChunked = false;
  said.isWebSocket = false;
  said.hasDate = false;
  const refusal = fields.read(bytes, from, text, lineTo + 2, limits);
  if (refusal !== undefined) return refusal;
  if (said.isChunked && (said.length !== undefined || isHttp10)) return BOTH;
  const bodyBytes = bodyOf(status, isHead);
  return {
    status,
    statusText: text.slice(8, lineTo),
    bodyBytes,
    contentLength: said.length,
    keepAlive: !isHttp10 && !connection.close && bodyBytes !== UNTIL_CLOSE,
    isUpgrade: status === 101 && connection.upgrade && said.isWebSocket,
    hasDate: said.hasDate,
    lines: fields.keptLines(),
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

function note(what: number, value: string, isTabbed: boolean): Refusal | undefined {
  switch (what) {
    case RESPONSE_LENGTH:
      if (said.length !== undefined) return TWO_LENGTHS;
      said.length = contentLength(value);
      return said.length < 0 || isTabbed ? BAD_LENGTH : undefined;
    case ENCODING:
      if (said.isChunked || value !== "chunked" || isTabbed) return BAD_ENCODING;
      said.isChunked = true;
      return undefined;
    case RESPONSE_DATE:
      said.hasDate = true;
      return undefined;
    default:
      said.isWebSocket = value.toLowerCase() === "websocket";
      return undefined;
  }
}
