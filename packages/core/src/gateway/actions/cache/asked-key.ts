/** What of a request, and of an answer, decides about the cache: what it is kept under, whether it may be, what is asked again. */
import type { Cache } from "../../../domain/cache-rules.ts";
import type { RequestHead } from "../../http1/request-head.ts";
import { headerValue } from "../../routing/asked.ts";
import { directives } from "./freshness.ts";
import type { Kept } from "./response-cache.ts";
import { CONTROL, UNSHARED } from "./traits.ts";

export interface Turned {
  readonly rule: Cache;
  /** Ids of the route, and of its project; what stands for all that the route says. */
  readonly route: string;
  readonly project: string;
  readonly version: string;
  readonly scheme: string;
  /** The route asks clients for certificates: its answers may be for one alone. */
  readonly isPersonal: boolean;
  /** Nobody waits for it: what is kept, and too old, is to be renewed. */
  readonly isRenewal?: boolean;
}

/** Names in lower case. */
export function varyOf(lines: string): string[] {
  const names = (headerValue(lines, "vary") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== "").sort();
}

/** Nothing that may be for one alone, nothing that is a part (RFC 9111 3, 3.5). `traits` are those of its lines. */
export function bypassOf({ method, lines, bodyBytes, isUpgrade }: RequestHead, traits: number): string | undefined {
  if (method !== "GET" && method !== "HEAD") return "fwd=method";
  if (isUpgrade || bodyBytes !== 0 || (traits & UNSHARED) !== 0) return "fwd=bypass";
  if ((traits & CONTROL) === 0) return undefined;
  return directives(headerValue(lines, "cache-control")).has("no-store") ? "fwd=bypass" : undefined;
}

/** The client wants it from the upstream (RFC 9111 5.2.1). */
export function isRenewed({ lines }: RequestHead, traits: number): boolean {
  if ((traits & CONTROL) === 0) return false;
  const control = headerValue(lines, "cache-control");
  const said = directives(control);
  if (control === undefined) return /no-cache/i.test(headerValue(lines, "pragma") ?? "");
  return said.has("no-cache") || said.get("max-age") === "0";
}

/** Header lines that ask whether it still holds. */
export function validators({ lines }: Kept): string {
  const etag = headerValue(lines, "etag");
  const modified = headerValue(lines, "last-modified");
  return (
    (etag === undefined ? "" : `If-None-Match: ${etag}\r\n`) +
    (modified === undefined ? "" : `If-Modified-Since: ${modified}\r\n`)
  );
}

/**
 * Everything that may make another answer: of one route alone, as it is now, Host with its port as the upstream sees it. No part
 * can hold the line break between them.
 */
export function keyOf(turned: Turned, head: RequestHead, lines: string): string {
  const { rule, route, version, scheme } = turned;
  const { path, query } = partsOf(head);
  const { keyHeaders = [], keyQuery } = rule;
  const asked = keyQuery === undefined ? query : picked(query, keyQuery);
  const values = keyHeaders.map((name) => JSON.stringify(headerValue(lines, name) ?? null));
  return [route, version, scheme, head.hostHeader.toLowerCase(), path, asked, ...values].join("\n");
}

export function partsOf({ target }: RequestHead): { readonly path: string; readonly query: string } {
  const at = target.indexOf("?");
  return at < 0 ? { path: target, query: "" } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

/** Its letters are what they seem to every program: nothing is encoded, an index, or another parameter behind a semicolon. */
const PLAIN_PARAMETER = /^[\w.~-]*(?:=[^;]*)?$/;

/** Those of these names, in any case, and those that a program may take for one of them. */
function picked(query: string, names: readonly string[]): string {
  const lower = names.map((name) => name.toLowerCase());
  return query
    .split("&")
    .filter((one) => !PLAIN_PARAMETER.test(one) || lower.includes((one.split("=", 1)[0] as string).toLowerCase()))
    .join("&");
}
