/** Heads of requests: what is not plain HTTP/1.1 or 1.0 is refused (RFC 9112 3, 5, 6). */
import { BAD_LENGTH, contentLength } from "./content-length.ts";
import { METHOD, Refusal, SP, TARGET } from "./grammar.ts";
import { CONNECTION, DROP, HeadFields } from "./head-fields.ts";
import { type HeadBytes, type HeadLimits, TOO_LONG_TARGET } from "./head-reader.ts";
import { hostName, originForm } from "./request-target.ts";

/** Length of a body that is sent in chunks. */
export const CHUNKED = -1;

export interface RequestHead {
  readonly method: string;
  /** Path and query as they came, or `*`. */
  readonly target: string;
  /** Host as it came, with its port. */
  readonly hostHeader: string;
  /** In lower case, without a port. */
  readonly host: string;
  readonly isHttp10: boolean;
  readonly keepAlive: boolean;
  /** Bytes of the body; 0 when there is none, `CHUNKED`. */
  readonly bodyBytes: number;
  /** A Content-Length stood there, also when it is 0. */
  readonly hasLength: boolean;
  readonly expectsContinue: boolean;
  /** It asks for a WebSocket. Other protocols are not known: then the request is an ordinary one. */
  readonly isUpgrade: boolean;
  /** It can do something with trailers (TE). */
  readonly takesTrailers: boolean;
  /** X-Request-Id as it came, not checked. */
  readonly requestId: string | undefined;
  /** X-Skerry-Explain as it came, not checked; see routing/ticket.ts. */
  readonly ticket: string | undefined;
  /** How often it has been through a gateway of this kind. */
  readonly hops: number;
  /** The other headers that are passed on, each line with its end. */
  readonly lines: string;
}

const BAD_LINE = new Refusal("invalid", "The first line is not a request of HTTP/1.1.");
const BAD_VERSION = new Refusal("invalid", "The version is neither HTTP/1.1 nor HTTP/1.0.");
export const NO_HOST = new Refusal("invalid", "The request has no Host header.");
export const TWO_HOSTS = new Refusal("invalid", "The request has more than one Host header.");
export const TWO_LENGTHS = new Refusal("invalid", "The request has more than one Content-Length.");
const TWO_ENCODINGS = new Refusal("invalid", "The request has more than one Transfer-Encoding.");
const BOTH = new Refusal("invalid", "The request has both Content-Length and Transfer-Encoding.");
const BAD_ENCODING = new Refusal("invalid", "Transfer-Encoding is something else than chunked.");
const OLD_CHUNKED = new Refusal("invalid", "HTTP/1.0 has no Transfer-Encoding.");
export const BAD_EXPECT = new Refusal("invalid", "Expect is something else than 100-continue.");

export const HOST = 3;
export const LENGTH = 4;
const ENCODING = 5;
const UPGRADE = 6;
export const EXPECT = 7;
export const REQUEST_ID = 8;
export const TE = 9;
export const EXPLAIN = 10;
export const LOOP = -1;

/** Every header that is not just passed on; so are names that begin with `DROPPED_PREFIX`. */
export const REQUEST_NAMES = [
  ["te", TE],
  ["host", HOST],
  ["proxy", DROP],
  ["expect", EXPECT],
  ["upgrade", UPGRADE],
  ["cdn-loop", LOOP],
  ["forwarded", DROP],
  ["x-real-ip", DROP],
  // RFC 9440: only the gateway says who has shown a certificate.
  ["client-cert", DROP],
  ["client-cert-chain", DROP],
  ["connection", CONNECTION],
  ["keep-alive", DROP],
  ["x-request-id", REQUEST_ID],
  ["x-skerry-explain", EXPLAIN],
  ["content-length", LENGTH],
  ["http2-settings", DROP],
  ["proxy-connection", DROP],
  ["transfer-encoding", ENCODING],
  ["proxy-authorization", DROP],
] as const;

export const DROPPED_PREFIX = "x-forwarded-";

const TRAILERS = /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i;

const HIDDEN: ReadonlySet<string> = new Set(REQUEST_NAMES.filter(([, what]) => what !== LOOP).map(([name]) => name));

/** Whether a header of this name (lower case) is among the lines that are passed on, when a client sends it. */
export function isPassedOn(name: string): boolean {
  return !HIDDEN.has(name) && !name.startsWith(DROPPED_PREFIX) && !name.includes("_");
}

/** How the gateway calls itself in CDN-Loop (RFC 8586). */
export const GATEWAY_NAME = "skerry";

/** What the header lines of one request say; reused for all. */
const said = {
  hostHeader: undefined as string | undefined,
  bodyBytes: 0,
  hasLength: false,
  isChunked: false,
  upgrade: undefined as string | undefined,
  expectsContinue: false,
  takesTrailers: false,
  requestId: undefined as string | undefined,
  ticket: undefined as string | undefined,
  hops: 0,
};
const fields = new HeadFields({ names: REQUEST_NAMES, droppedPrefix: DROPPED_PREFIX, dropsUnderscores: true, note });
const { connection } = fields;

/** `bytes` from `from` are a whole head, as the head reader gives it; so is `text`. */
export function parseRequestHead({ bytes, from, text }: HeadBytes, limits: HeadLimits): RequestHead | Refusal {
  let i = from;
  while (METHOD[bytes[i] as number] === 1) i++;
  const methodTo = i - from;
  if (methodTo === 0 || bytes[i] !== SP) return BAD_LINE;
  i++;
  const targetFrom = i - from;
  while (TARGET[bytes[i] as number] === 1) i++;
  const targetTo = i - from;
  if (targetTo === targetFrom || bytes[i] !== SP) return BAD_LINE;
  if (targetTo - targetFrom > limits.maxTargetBytes) return TOO_LONG_TARGET;
  const versionFrom = targetTo + 1;
  const isHttp10 = text.startsWith("HTTP/1.0\r\n", versionFrom);
  if (!isHttp10 && !text.startsWith("HTTP/1.1\r\n", versionFrom)) return BAD_VERSION;
  begin();
  const refusal = fields.read(bytes, from, text, versionFrom + 10, limits) ?? contradiction(isHttp10);
  if (refusal !== undefined) return refusal;
  const hostHeader = said.hostHeader as string;
  const host = hostName(hostHeader);
  if (host instanceof Refusal) return host;
  const method = text.slice(0, methodTo);
  const target = originForm(method, text.slice(targetFrom, targetTo), hostHeader);
  if (target instanceof Refusal) return target;
  return {
    method,
    target,
    hostHeader,
    host,
    isHttp10,
    keepAlive: !isHttp10 && !connection.close,
    bodyBytes: said.isChunked ? CHUNKED : said.bodyBytes,
    hasLength: said.hasLength,
    expectsContinue: said.expectsContinue && !isHttp10,
    isUpgrade: isWebSocket(method, isHttp10),
    takesTrailers: said.takesTrailers && !isHttp10,
    requestId: said.requestId,
    ticket: said.ticket,
    hops: said.hops,
    lines: fields.keptLines(),
  };
}

function isWebSocket(method: string, isHttp10: boolean): boolean {
  if (!connection.upgrade || isHttp10 || method !== "GET" || said.isChunked || said.bodyBytes > 0) return false;
  return said.upgrade?.toLowerCase() === "websocket";
}

function contradiction(isHttp10: boolean): Refusal | undefined {
  if (said.hostHeader === undefined) return NO_HOST;
  if (said.isChunked && said.hasLength) return BOTH;
  return said.isChunked && isHttp10 ? OLD_CHUNKED : undefined;
}

function begin(): void {
  said.hostHeader = undefined;
  said.bodyBytes = 0;
  said.hasLength = false;
  said.isChunked = false;
  said.upgrade = undefined;
  said.expectsContinue = false;
  said.takesTrailers = false;
  said.requestId = undefined;
  said.ticket = undefined;
  said.hops = 0;
}

function note(what: number, value: string, isTabbed: boolean): Refusal | undefined {
  switch (what) {
    case HOST:
      if (said.hostHeader !== undefined) return TWO_HOSTS;
      said.hostHeader = value;
      return undefined;
    case LENGTH:
      if (said.hasLength) return TWO_LENGTHS;
      said.hasLength = true;
      said.bodyBytes = contentLength(value);
      return said.bodyBytes < 0 || isTabbed ? BAD_LENGTH : undefined;
    case ENCODING:
      if (said.isChunked) return TWO_ENCODINGS;
      said.isChunked = true;
      return value === "chunked" && !isTabbed ? undefined : BAD_ENCODING;
    case UPGRADE:
      said.upgrade = said.upgrade === undefined ? value : "";
      return undefined;
    case EXPECT:
      said.expectsContinue = true;
      return value.toLowerCase() === "100-continue" ? undefined : BAD_EXPECT;
    case TE:
      if (TRAILERS.test(value)) said.takesTrailers = true;
      return undefined;
    case LOOP:
      said.hops += hopsIn(value);
      return undefined;
    case EXPLAIN:
      said.ticket = said.ticket === undefined ? value : "";
      return undefined;
    default:
      // Two ids are none.
      said.requestId = said.requestId === undefined ? value : "";
      return undefined;
  }
}

/** How many of the names in a CDN-Loop are ours: `a.example; p=1, skerry`. */
export function hopsIn(value: string): number {
  return value.split(",").filter((one) => (one.split(";", 1)[0] as string).trim().toLowerCase() === GATEWAY_NAME)
    .length;
}
