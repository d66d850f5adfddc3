/** Heads as they are sent: what was kept of the original, and what the gateway itself says. */
import { SkerryError, toProblem } from "../../domain/errors.ts";
import { CHUNKED, GATEWAY_NAME, type RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import { statusText } from "../http1/status-texts.ts";
import { errorPage, PAGE_LINES } from "./error-page.ts";
import type { RequestFacts, Wishes } from "./sides.ts";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function isRequestId(text: string | undefined): text is string {
  return text !== undefined && REQUEST_ID.test(text);
}

/**
 * The header lines that tell the upstream who asked. They replace what came from outside. `address` is the client's;
 * `hostHeader` was checked by the parser and needs no escapes inside quotes.
 */
export function forwardedLines(address: string, isSecure: boolean, hostHeader: string): string {
  const scheme = isSecure ? "https" : "http";
  const node = address.includes(":") ? `"[${address}]"` : address;
  return (
    `Forwarded: for=${node};host="${hostHeader}";proto=${scheme}\r\n` +
    `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${scheme}\r\nX-Forwarded-Host: ${hostHeader}\r\n` +
    // Not Via: servers take it for a proxy that cannot take compressed answers, and stop to compress.
    `CDN-Loop: ${GATEWAY_NAME}\r\n`
  );
}

export function requestHead(head: RequestHead, { backend, forwarded, id }: RequestFacts): string {
  const target = head.target === "*" ? "*" : backend.basePath + head.target;
  const host = (backend.kind === "tcp" ? backend.hostHeader : undefined) ?? head.hostHeader;
  return (
    `${head.method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${head.lines}${requestFraming(head)}${options(head)}` +
    `${head.expectsContinue ? "Expect: 100-continue\r\n" : ""}${forwarded}X-Request-Id: ${id}\r\n\r\n`
  );
}

/** What holds for this hop only. */
function options(head: RequestHead): string {
  if (head.isUpgrade) return "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  return head.takesTrailers ? "TE: trailers\r\nConnection: TE\r\n" : "";
}

function requestFraming(head: RequestHead): string {
  if (head.bodyBytes === CHUNKED) return "Transfer-Encoding: chunked\r\n";
  return head.hasLength ? `Content-Length: ${head.bodyBytes}\r\n` : "";
}

/** What an answer says besides. */
export interface AnswerFacts {
  readonly id: string;
  /** A header line; used when the upstream has given none (RFC 9110 6.6.1). */
  readonly dateLine: string;
  /** The client's connection ends with this answer. */
  readonly closes: boolean;
}

/** `inChunks`: the body is sent so. */
export function responseHead(head: ResponseHead, inChunks: boolean, { id, dateLine, closes }: AnswerFacts): string {
  return (
    `HTTP/1.1${head.statusText}\r\n${head.lines}${head.hasDate ? "" : dateLine}` +
    `${inChunks ? "Transfer-Encoding: chunked\r\n" : lengthLine(head)}` +
    `X-Request-Id: ${id}\r\n${closes ? "Connection: close\r\n" : ""}\r\n`
  );
}

/** RFC 9110 8.6: no Content-Length in 204. */
function lengthLine({ contentLength, status }: ResponseHead): string {
  return contentLength === undefined || status === 204 ? "" : `Content-Length: ${contentLength}\r\n`;
}

/** A chunk (RFC 9112 7.1); `data` is latin1 and not empty. */
export function chunkOf(data: string): string {
  return `${data.length.toString(16)}\r\n${data}\r\n`;
}

/** The end of a body in chunks; `trailers` are header lines. */
export function lastChunk(trailers: string): string {
  return `0\r\n${trailers}\r\n`;
}

/** 1xx: 100 and 103 as they came; 101 with what makes it an upgrade. */
export function interimHead(head: ResponseHead, id: string): string {
  if (head.status !== 101) return `HTTP/1.1${head.statusText}\r\n${head.lines}\r\n`;
  return `HTTP/1.1${head.statusText}\r\n${head.lines}Connection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: ${id}\r\n\r\n`;
}

/** Of what could not be read as a request. */
export const NO_WISHES: Wishes = { withoutBody: false, asPage: false, lines: "" };

/** A whole answer of the gateway's own. */
export function ownAnswer(error: SkerryError, facts: AnswerFacts, wishes = NO_WISHES): string {
  const { status, lines, body } = ownAnswerParts(error, facts, wishes);
  const end = facts.closes ? "Connection: close\r\n" : "";
  return `HTTP/1.1 ${status} ${statusText(status)}\r\n${lines}${end}\r\n${body}`;
}

export interface OwnAnswer {
  readonly status: number;
  /** Header lines. */
  readonly lines: string;
  readonly body: string;
}

/** A problem document, or a page. It never names upstreams. */
export function ownAnswerParts(error: SkerryError, { id, dateLine }: AnswerFacts, wishes: Wishes): OwnAnswer {
  const problem = toProblem(new SkerryError(errorId(error), error.message, hintOf(error)), id);
  const body = wishes.asPage ? errorPage(problem) : `${asciiJson(problem)}\n`;
  const lines =
    `${dateLine}${wishes.asPage ? PAGE_LINES : "Content-Type: application/problem+json\r\n"}Content-Length: ${body.length}\r\n` +
    `${allow(error)}${retryAfter(error)}Cache-Control: no-store\r\n${wishes.lines}X-Request-Id: ${id}\r\n`;
  return { status: error.status, lines, body: wishes.withoutBody ? "" : body };
}

/** Escaped: it is written as latin1. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What is refused is CONNECT and TRACE; others are for the upstream to judge. */
function allow(error: SkerryError): string {
  return error.status === 405 ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" : "";
}

function retryAfter({ retryAfterMs }: SkerryError): string {
  return retryAfterMs === undefined ? "" : `Retry-After: ${Math.ceil(retryAfterMs / 1000)}\r\n`;
}

type Id = ConstructorParameters<typeof SkerryError>[0];

export function errorId(error: SkerryError): Id {
  return (error.reason === undefined ? error.code : `${error.code}/${error.reason}`) as Id;
}

function hintOf({ hint }: SkerryError): { hint?: string } {
  return hint === undefined ? {} : { hint };
}
