/** What the gateway does with requests of a route besides passing them on, or instead. Plain rules; `gateway/actions` carries them out. */
import { type Cache, canonicalCache } from "./cache-rules.ts";
import { type Compress, canonicalCompress } from "./compress-rules.ts";
import { type Cors, canonicalCors } from "./cors-rules.ts";
import { SkerryError } from "./errors.ts";
import {
  assertHeaderName,
  assertHeaderValue,
  canonicalHeaders,
  canonicalHostHeader,
  type HeaderActions,
} from "./header-rules.ts";
import { LIMITS } from "./limits.ts";
import type { Split } from "./route-split.ts";

export const REDIRECT_STATUSES = [301, 302, 303, 307, 308] as const;
export type RedirectStatus = (typeof REDIRECT_STATUSES)[number];

export interface Redirect {
  /** URL of http(s), or path; `{scheme}`, `{host}`, `{path}` and `{query}` (with its `?`) are those of the request. */
  readonly to: string;
  readonly status: RedirectStatus;
}

export interface FixedAnswer {
  readonly status: number;
  /** Absent: `text/plain; charset=utf-8` when there is a body. */
  readonly contentType?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One of three: the whole path, another prefix for the one that the route takes, or what a pattern finds. */
export interface Rewrite {
  readonly path?: string;
  readonly prefix?: string;
  readonly regex?: string;
  /** With `regex`: what stands in the place of what was found; `$1` to `$9` are its groups, `$&` is all of it. */
  readonly with?: string;
}

export interface RouteActions {
  readonly redirect?: Redirect;
  readonly respond?: FixedAnswer;
  /** Who asks without TLS is sent to HTTPS. */
  readonly redirectHttps?: true;
  readonly rewrite?: Rewrite;
  readonly headers?: HeaderActions;
  /** Host of requests to the upstream: a name with or without a port; `{host}` is the client's, as it came. */
  readonly hostHeader?: string;
  readonly cors?: Cors;
  readonly compress?: Compress;
  readonly cache?: Cache;
}

/** Where requests of a route go: each has exactly one of them. */
const DESTINATIONS = ["to", "split", "redirect", "respond"] as const;
export const ACTION_NAMES = [
  "redirect",
  "respond",
  "redirectHttps",
  "rewrite",
  "headers",
  "hostHeader",
  "cors",
  "compress",
  "cache",
] as const;

/** As somebody says them: undefined is as it was, null is none. */
export type SaidActions = { readonly [K in keyof RouteActions]?: unknown };

interface Destined extends RouteActions {
  readonly to?: string;
  readonly split?: Split;
}

/**
 * `before` with what is said, null taking away; a new destination takes the place of the one before.
 * @throws `invalid` unless there is exactly one.
 */
export function withActions<T extends Destined>(
  before: T,
  said: { readonly [K in keyof Destined]?: Destined[K] | null | undefined },
): T {
  const named = DESTINATIONS.filter((one) => said[one] !== undefined && said[one] !== null);
  const dropped: readonly string[] = named.length === 0 ? [] : DESTINATIONS;
  const kept = Object.entries(before).filter(
    ([name]) => !dropped.includes(name) && said[name as keyof Destined] === undefined,
  );
  const added = Object.entries(said).filter(([, value]) => value !== undefined && value !== null);
  const next = Object.fromEntries([...kept, ...added]) as unknown as T;
  const there = DESTINATIONS.filter((one) => next[one] !== undefined);
  if (there.length === 1) return next;
  const message =
    there.length === 0
      ? "It is missing where the route leads."
      : `A route leads to one place: not ${there.join(" and ")}.`;
  throw new SkerryError("invalid", message, {
    hint: `Say one of ${DESTINATIONS.join(", ")}.`,
    details: { field: there[1] ?? "to" },
  });
}

/** In one spelling, nothing that may not be. Null and undefined stay. @throws `invalid`. */
export function canonicalActions(said: SaidActions): { readonly [K in keyof RouteActions]?: RouteActions[K] | null } {
  const { redirect, respond, redirectHttps, rewrite, headers, hostHeader, cors, compress, cache } = said as {
    [K in keyof RouteActions]?: RouteActions[K] | null;
  };
  return {
    ...(redirect === undefined ? {} : { redirect: redirect && canonicalRedirect(redirect) }),
    ...(respond === undefined ? {} : { respond: respond && canonicalAnswer(respond) }),
    ...(redirectHttps === undefined ? {} : { redirectHttps: redirectHttps || null }),
    ...(cache === undefined ? {} : { cache: cache && canonicalCache(cache) }),
    ...(compress === undefined ? {} : { compress: compress && canonicalCompress(compress) }),
    ...(cors === undefined ? {} : { cors: cors && canonicalCors(cors) }),
    ...(headers === undefined ? {} : { headers: headers && canonicalHeaders(headers) }),
    ...(hostHeader === undefined ? {} : { hostHeader: hostHeader === null ? null : canonicalHostHeader(hostHeader) }),
    ...(rewrite === undefined ? {} : { rewrite: rewrite && canonicalRewrite(rewrite) }),
  };
}

const PLACEHOLDER = /\{(scheme|host|path|query)\}/g;
const REDIRECT_HINT = "Like https://{host}{path}{query}, https://example.com/new or /new{query}.";

/**
 * Where it leads is decided by who writes it: of a request only the host of the route, the path and the query can come in, each in
 * a place where it cannot be another host.
 */
function canonicalRedirect({ to, status = 302 }: Partial<Redirect>): Redirect {
  const refuse = (why: string) =>
    new SkerryError("invalid", `${JSON.stringify(to?.slice(0, 200))} is not where a route can redirect to: ${why}.`, {
      hint: REDIRECT_HINT,
      details: { field: "redirect.to" },
    });
  if (to === undefined || to.length > LIMITS.actions.maxRedirect) {
    throw refuse(`it has 1 to ${LIMITS.actions.maxRedirect} characters`);
  }
  const plain = to.replace(PLACEHOLDER, "");
  const other = /\{[^}]*\}?|\}/.exec(plain)?.[0];
  if (other !== undefined) throw refuse(`there is no ${other}; there are {scheme}, {host}, {path} and {query}`);
  if (/[^\x21-\x7e]|["<>\\^`|]/.test(plain) || /%(?![0-9A-Fa-f]{2})/.test(plain)) {
    throw refuse("a character of it is to be percent-encoded");
  }
  const [, scheme, authority, rest] =
    /^(?:(https?|\{scheme\}):\/\/([^/?#{}]*(?:\{host\})?[^/?#{}]*))?(.*)$/i.exec(to) ?? [];
  if (scheme === undefined) {
    if (!/^(\/(?![/\\])|\{path\})/.test(to)) throw refuse("it begins with http://, https:// or one /");
  } else {
    const sample = (authority ?? "").replace("{host}", "host.example");
    const url = `http://${sample}/`;
    if (sample === "" || !/^[A-Za-z0-9.:[\]-]+$/.test(sample) || !URL.canParse(url))
      throw refuse("its host is not one");
    if (!/^(\/|\?|#|\{path\}|\{query\}|$)/.test(rest ?? ""))
      throw refuse("behind the host stands /, {path} or {query}");
  }
  if (/\{(scheme|host)\}/.test(scheme === undefined ? to : (rest ?? ""))) {
    throw refuse("{scheme} and {host} stand in front of the path alone");
  }
  if ((to.match(/\{query\}/g)?.length ?? 0) > 1) throw refuse("{query} stands there more than once");
  return { to, status };
}

/** What is to be kept of a path: as it is written in a URL, without a query. */
function canonicalRewrite({ path, prefix, regex, with: template }: Rewrite): Rewrite {
  const refuse = (field: string, message: string, hint = "Like /new: characters of a URL's path, as they are sent.") =>
    new SkerryError("invalid", message, { hint, details: { field: `rewrite.${field}` } });
  if ([path, prefix, regex].filter((one) => one !== undefined).length !== 1) {
    throw refuse("path", "A rewrite has one of path, prefix and regex.", "Say one of them.");
  }
  if ((regex === undefined) !== (template === undefined)) {
    throw refuse("with", "A regex and what comes in its place go together.", "Like regex: ^/v\\d+/(.*) with: /$1");
  }
  for (const [field, text] of Object.entries({ path, prefix, with: template })) {
    if (text === undefined) continue;
    const { maxRewrite } = LIMITS.actions;
    if (text.length > maxRewrite) throw refuse(field, `It has at most ${maxRewrite} characters.`);
    if (field !== "with" && !text.startsWith("/"))
      throw refuse(field, `${JSON.stringify(text)} does not begin with /.`);
    const plain = field === "with" ? text.replace(/\$[1-9&$]/g, "") : text;
    if (
      !/^(?:[A-Za-z0-9/._~!&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*$/.test(field === "with" ? plain : plain.replaceAll("$", ""))
    ) {
      throw refuse(field, `${JSON.stringify(text)} has what no path has as it is; a query stays as it came.`);
    }
    if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(plain))
      throw refuse(field, `${JSON.stringify(text)} has a part that is . or ..`);
  }
  return {
    ...(path === undefined ? {} : { path }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(regex === undefined ? {} : { regex }),
    ...(template === undefined ? {} : { with: template }),
  };
}

/** These have no content (RFC 9110 15.3.5, 15.3.6, 15.4.5). */
const WITHOUT_BODY = [204, 205, 304];

function canonicalAnswer({ status, contentType, body, headers = {} }: FixedAnswer): FixedAnswer {
  const refuse = (field: string, message: string, hint: string) =>
    new SkerryError("invalid", message, { hint, details: { field: `respond.${field}` } });
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw refuse("status", `${status} is no status of an answer.`, "It is 200 to 599.");
  }
  const bytes = Buffer.byteLength(body ?? "");
  if (bytes > 0 && WITHOUT_BODY.includes(status)) {
    throw refuse("body", `An answer ${status} has no body.`, "Leave the body out, or take another status.");
  }
  const { maxRespondBytes, maxHeaderRules } = LIMITS.actions;
  if (bytes > maxRespondBytes) {
    const hint = "Put it into a bucket, and lead the route there.";
    throw refuse("body", `The body has ${bytes} bytes, and ${maxRespondBytes} is the most.`, hint);
  }
  if (contentType !== undefined) assertHeaderValue("Content-Type", contentType, "respond.contentType");
  const names = Object.keys(headers);
  if (names.length > maxHeaderRules || new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    throw refuse("headers", `An answer has up to ${maxHeaderRules} headers, each once.`, "Leave some out.");
  }
  for (const name of names) {
    const field = `respond.headers.${name}`;
    assertHeaderName(name, field);
    if (name.toLowerCase() === "content-type") throw refuse("headers", "The type is said twice.", "Say contentType.");
    assertHeaderValue(name, headers[name] ?? "", field);
  }
  return {
    status,
    ...(contentType === undefined ? {} : { contentType }),
    ...(bytes === 0 ? {} : { body: body ?? "" }),
    ...(names.length === 0 ? {} : { headers }),
  };
}
