/**
 * The fields of a request (RFC 9113 8.3, RFC 8441) as the head that HTTP/1 would have given: the same headers are passed on, and
 * the same things are refused. What no HTTP/2 request may be is a fault of its stream.
 */
import { BAD_LENGTH, contentLength } from "../http1/content-length.ts";
import { METHOD, Refusal, TARGET } from "../http1/grammar.ts";
import { DROP } from "../http1/head-fields.ts";
import { TOO_LARGE_HEAD, TOO_LONG_TARGET } from "../http1/head-reader.ts";
import {
  BAD_EXPECT,
  CHUNKED,
  DROPPED_PREFIX,
  EXPECT,
  EXPLAIN,
  HOST,
  hopsIn,
  LENGTH,
  LOOP,
  NO_HOST,
  REQUEST_ID,
  REQUEST_NAMES,
  type RequestHead,
  TE,
  TWO_HOSTS,
  TWO_LENGTHS,
} from "../http1/request-head.ts";
import { hostName, originForm } from "../http1/request-target.ts";
import { type Field, UNREAD } from "./field.ts";
import { BAD_FIELD, BAD_PSEUDO, isPseudo, MALFORMED, meaningOf, PASS } from "./field-grammar.ts";
import type { FieldBlock } from "./hpack-decoder.ts";
import { Fault, PROTOCOL_ERROR } from "./protocol.ts";

const COOKIE = 50;
const PSEUDO = 100;
const PSEUDO_NAMES = [":method", ":scheme", ":authority", ":path", ":protocol"];
const METHOD_PART = 0;
const SCHEME_PART = 1;
const AUTHORITY_PART = 2;
const PATH_PART = 3;
const PROTOCOL_PART = 4;

const MEANINGS: ReadonlyMap<string, number> = new Map<string, number>([...REQUEST_NAMES, ["cookie", COOKIE]]);

const BAD_METHOD = new Refusal("invalid", "The method is not one of HTTP.");
const BAD_TARGET = new Refusal("invalid", "The path of the request is not one.");
const OTHER_HOST = new Refusal("invalid", "The header Host names another host than :authority.");
const OTHER_PROTOCOL = new Refusal("unsupported", "CONNECT is taken for websocket only.");
const SHORT_BODY = new Fault(PROTOCOL_ERROR, "The body is not as long as its head has said.");
const BAD_CONNECT = new Fault(PROTOCOL_ERROR, "A CONNECT has a pseudo header too many, or ends before it begins.");

export interface RequestLimits {
  /** Beyond: `invalid/target`. */
  readonly maxTargetBytes: number;
}

/** What one request says; reused for all. */
const parts: (string | undefined)[] = [];
const said = {
  host: undefined as string | undefined,
  length: -1,
  cookies: "",
  expectsContinue: false,
  takesTrailers: false,
  requestId: undefined as string | undefined,
  ticket: undefined as string | undefined,
  hops: 0,
};

interface Reading {
  readonly endsStream: boolean;
  readonly head: RequestHead | Refusal | Fault;
}

export function readRequest(block: FieldBlock, endsStream: boolean, limits: RequestLimits): Reading["head"] {
  const known = block.reading as Reading | undefined;
  if (known?.endsStream === endsStream) return known.head;
  const head = read(block, endsStream, limits);
  block.reading = { endsStream, head } satisfies Reading;
  return head;
}

function read(block: FieldBlock, endsStream: boolean, limits: RequestLimits): Reading["head"] {
  begin();
  let lines = "";
  let isBehind = false;
  for (const field of block.fields) {
    if (field.inRequest === UNREAD) field.inRequest = requestMeaning(field);
    const what = field.inRequest;
    if (what >= PSEUDO) {
      if (isBehind || parts[what - PSEUDO] !== undefined) return BAD_PSEUDO;
      parts[what - PSEUDO] = field.value;
      continue;
    }
    isBehind = true;
    if (what === MALFORMED) return isPseudo(field.name) ? BAD_PSEUDO : BAD_FIELD;
    if (what === PASS || what === LOOP) lines += field.line;
    if (what === PASS || what === DROP) continue;
    const refusal = note(what, field.value);
    if (refusal !== undefined) return refusal;
  }
  if (block.isTooLarge) return TOO_LARGE_HEAD;
  if (said.cookies !== "") lines += `cookie: ${said.cookies}\r\n`;
  return whole(lines, endsStream, limits);
}

function begin(): void {
  parts.length = 0;
  said.host = undefined;
  said.length = -1;
  said.cookies = "";
  said.expectsContinue = false;
  said.takesTrailers = false;
  said.requestId = undefined;
  said.ticket = undefined;
  said.hops = 0;
}

function requestMeaning(field: Field): number {
  const { name, value } = field;
  if (isPseudo(name)) {
    const part = PSEUDO_NAMES.indexOf(name);
    return part < 0 ? MALFORMED : PSEUDO + part;
  }
  const what = meaningOf(field, MEANINGS);
  if (what === TE) return value === "trailers" ? TE : MALFORMED;
  if (what !== PASS) return what;
  return name.includes("_") || name.startsWith(DROPPED_PREFIX) ? DROP : PASS;
}

function note(what: number, value: string): Refusal | Fault | undefined {
  switch (what) {
    case HOST:
      if (said.host !== undefined) return TWO_HOSTS;
      said.host = value;
      return undefined;
    case LENGTH:
      if (said.length >= 0) return TWO_LENGTHS;
      said.length = contentLength(value);
      return said.length < 0 ? BAD_LENGTH : undefined;
    case COOKIE:
      // RFC 9113 8.2.3: it may come in crumbs.
      said.cookies = said.cookies === "" ? value : `${said.cookies}; ${value}`;
      return undefined;
    case EXPECT:
      said.expectsContinue = true;
      return value.toLowerCase() === "100-continue" ? undefined : BAD_EXPECT;
    case TE:
      said.takesTrailers = true;
      return undefined;
    case LOOP:
      said.hops += hopsIn(value);
      return undefined;
    case REQUEST_ID:
      // Two ids are none.
      said.requestId = said.requestId === undefined ? value : "";
      return undefined;
    case EXPLAIN:
      said.ticket = said.ticket === undefined ? value : "";
      return undefined;
    default:
      return BAD_FIELD;
  }
}

function whole(lines: string, endsStream: boolean, limits: RequestLimits): Reading["head"] {
  const method = parts[METHOD_PART];
  const scheme = parts[SCHEME_PART];
  const path = parts[PATH_PART];
  const protocol = parts[PROTOCOL_PART];
  const authority = parts[AUTHORITY_PART];
  if (method === undefined) return BAD_PSEUDO;
  const isPlainConnect = method === "CONNECT" && protocol === undefined;
  if (isPlainConnect) return scheme === undefined && path === undefined ? connectRefusal() : BAD_CONNECT;
  if (path === undefined || path === "" || (scheme !== "http" && scheme !== "https")) return BAD_PSEUDO;
  if (protocol !== undefined && (method !== "CONNECT" || endsStream)) return BAD_CONNECT;
  if (endsStream && said.length > 0) return SHORT_BODY;
  const hostHeader = authority ?? said.host;
  if (hostHeader === undefined) return NO_HOST;
  if (said.host !== undefined && said.host.toLowerCase() !== hostHeader.toLowerCase()) return OTHER_HOST;
  if (protocol !== undefined && protocol !== "websocket") return OTHER_PROTOCOL;
  if (!isOf(METHOD, method)) return BAD_METHOD;
  if (!isOf(TARGET, path)) return BAD_TARGET;
  if (path.length > limits.maxTargetBytes) return TOO_LONG_TARGET;
  const host = hostName(hostHeader);
  if (host instanceof Refusal) return host;
  const isUpgrade = protocol !== undefined;
  const target = originForm(isUpgrade ? "GET" : method, path, hostHeader);
  if (target instanceof Refusal) return target;
  if (target !== path) return BAD_TARGET;
  return {
    ...{ method: isUpgrade ? "GET" : method, target, hostHeader, host, lines },
    ...{ isHttp10: false, keepAlive: true, isUpgrade },
    bodyBytes: endsStream || isUpgrade ? 0 : said.length < 0 ? CHUNKED : said.length,
    hasLength: said.length >= 0 && !isUpgrade,
    expectsContinue: said.expectsContinue,
    takesTrailers: said.takesTrailers && !isUpgrade,
    requestId: said.requestId,
    ticket: said.ticket,
    hops: said.hops,
  };
}

function connectRefusal(): Refusal {
  return originForm("CONNECT", "", "") as Refusal;
}

function isOf(table: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (table[text.charCodeAt(i)] !== 1) return false;
  return text.length > 0;
}
