/** Whether an answer may be kept by a cache that many share, and for how long it is fresh (RFC 9111 3, 4.2). */
import type { Cache } from "../../../domain/cache-rules.ts";
import type { ResponseHead } from "../../http1/response-head.ts";
import { headerValue } from "../../routing/asked.ts";

const USUAL_TTL = 30;
const USUAL_STATUSES: readonly number[] = [200, 203, 300, 301, 308, 404, 410];
const MAX_SECONDS = 2 ** 31;
/** What one client is told apart by: it is in no key, or the gateway says it to the upstream, and of each request something else. */
const OF_ONE_CLIENT = /(?:^|,)\s*(?:\*|cookie|authorization|forwarded|x-forwarded-for|x-request-id)\s*(?:,|$)/;

/** Names in lower case; what stands behind `=`, or `""`. Of two that contradict, the first. */
export function directives(header: string | undefined): ReadonlyMap<string, string> {
  const all = new Map<string, string>();
  // What is quoted may hold a comma.
  for (const [, name = "", value = ""] of (header ?? "").matchAll(/([^\s,;="]+)(?:\s*=\s*("[^"]*"|[^\s,;"]*))?/g)) {
    const lower = name.toLowerCase();
    if (!all.has(lower)) all.set(lower, value.replaceAll('"', ""));
  }
  return all;
}

/** Undefined: none, or no number. */
function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Math.min(Number(text), MAX_SECONDS) : undefined;
}

export interface Freshness {
  readonly ttlMs: number;
  /** How old it was when it came. */
  readonly ageMs: number;
  /** For how long it is given after that: while it is renewed, and when the upstream fails (RFC 5861). */
  readonly renewMs: number;
  readonly errorMs: number;
}

/** Undefined: it is not to be kept. `asked`: whether the request may be answered for all. */
export function freshnessOf({ status, lines }: ResponseHead, rule: Cache, wallMs: number): Freshness | undefined {
  if (!(rule.statuses ?? USUAL_STATUSES).includes(status)) return undefined;
  if (headerValue(lines, "set-cookie") !== undefined || headerValue(lines, "content-range") !== undefined)
    return undefined;
  const control = headerValue(lines, "cache-control");
  const said = directives(control);
  if (["no-store", "private", "no-cache"].some((name) => said.has(name))) return undefined;
  if (control === undefined && /no-cache/i.test(headerValue(lines, "pragma") ?? "")) return undefined;
  const vary = (headerValue(lines, "vary") ?? "").toLowerCase();
  if (OF_ONE_CLIENT.test(vary)) return undefined;
  const usual = rule.ttl ?? USUAL_TTL;
  const ttl = rule.override === true ? usual : (saidTtl(said, lines, wallMs) ?? usual);
  const age = rule.override === true ? 0 : (seconds(headerValue(lines, "age")) ?? 0);
  const [renew, error] = staleFor(said, rule);
  return ttl > age ? { ttlMs: ttl * 1000, ageMs: age * 1000, renewMs: renew * 1000, errorMs: error * 1000 } : undefined;
}

/** What the answer says, or else the route; nothing when it must not be given any more (RFC 9111 5.2.2.2). */
function staleFor(said: ReadonlyMap<string, string>, rule: Cache): readonly [renew: number, error: number] {
  const { staleWhileRevalidate = 0, staleIfError = 0, override = false } = rule;
  if (said.has("must-revalidate") || said.has("proxy-revalidate")) return [0, 0];
  const of = (name: string, usual: number) => (override ? undefined : seconds(said.get(name))) ?? usual;
  return [of("stale-while-revalidate", staleWhileRevalidate), of("stale-if-error", staleIfError)];
}

/** What cannot be read is stale (RFC 9111 4.2.1). */
function saidTtl(said: ReadonlyMap<string, string>, lines: string, wallMs: number): number | undefined {
  for (const name of ["s-maxage", "max-age"]) if (said.has(name)) return seconds(said.get(name)) ?? 0;
  const expires = headerValue(lines, "expires");
  if (expires === undefined) return undefined;
  const date = Date.parse(headerValue(lines, "date") ?? "");
  const until = (Date.parse(expires) - (Number.isNaN(date) ? wallMs : date)) / 1000;
  return Number.isNaN(until) ? 0 : Math.min(Math.max(0, until), MAX_SECONDS);
}
