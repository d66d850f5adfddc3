/** Routes: which host name and path lead where. Plain rules without I/O; `gateway/` and the daemon carry them out. */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { isName, NAME_RULE, type Resource } from "./resource.ts";
import type { AccessRules } from "./route-access.ts";
import type { RouteActions } from "./route-actions.ts";
import type { Canary, Rollout } from "./route-canary.ts";
import type { Delivery } from "./route-delivery.ts";
import type { RouteLimits, RoutePriority } from "./route-limits.ts";
import { CONDITION_PLACES, type RouteMatch } from "./route-match.ts";
import type { Split } from "./route-split.ts";

/** Of the PROXY protocol, which tells a backend who asks. */
export const PROXY_VERSIONS = ["v1", "v2"] as const;
export type ProxyVersion = (typeof PROXY_VERSIONS)[number];

/** What is spoken with an upstream, see `Backend.protocol`. */
export const UPSTREAM_PROTOCOLS = ["auto", "http/1.1", "h2"] as const;
export type UpstreamProtocol = (typeof UPSTREAM_PROTOCOLS)[number];

/** Of the actions those that `canonicalActions` gives; of all that says where it leads, one (`DESTINATIONS`). */
export interface RouteSpec extends Delivery, RouteActions {
  /** Canonical: `canonicalHost`. */
  readonly host: string;
  /** Canonical: `canonicalPath`; for a pattern as it was written. */
  readonly path: string;
  /** How `path` is read, and what else a request must have. Canonical; absent: a prefix, and nothing. */
  readonly match?: RouteMatch;
  /** Canonical: `canonicalTarget`. */
  readonly to?: string;
  /** Several places instead of `to`. Canonical: `canonicalSplit`. */
  readonly split?: Split;
  /** Of a split: one of its variants is a canary. Canonical: `canonicalCanary`. */
  readonly canary?: Canary;
  /** What has become of it: there whenever `canary` is. */
  readonly rollout?: Rollout;
  /** Where it led before `to`. */
  readonly previousTo?: string;
  /** Who set `to`, or `split`, may reach any address (`gateway.upstreams:any`). Else see `Upstream.reach`. */
  readonly anyUpstream: boolean;
  /** Absent: `auto`. */
  readonly protocol?: UpstreamProtocol;
  /** A route below HTTP: where it begins (`formatListener`). `host` is the name of a handshake or empty then, `path` is `/`. */
  readonly listen?: string;
  /** Of a route below HTTP: who asks is told to the backend. */
  readonly proxyProtocol?: ProxyVersion;
  /** Clients show a certificate. Absent: they need none. */
  readonly clientTls?: ClientTls;
  /** How the upstream's TLS is spoken. Absent: verified by the name in `to` and the system's authorities. */
  readonly upstreamTls?: UpstreamTls;
  /** With `to: upstream/NAME`: only backends that have all of them. Canonical: `canonicalTags`. */
  readonly tags?: readonly string[];
  /** From which addresses. Canonical; absent: from all. Also below HTTP. */
  readonly access?: AccessRules;
  /** Canonical; absent: as much as the gateway takes. */
  readonly limits?: RouteLimits;
  /** Absent: normal. */
  readonly priority?: Exclude<RoutePriority, "normal">;
}

export interface UpstreamTls {
  /** PEM: authorities instead of the system's. */
  readonly ca?: string;
  /** What the upstream is called in its certificate, and in the handshake. Default: as in `to`. */
  readonly serverName?: string;
  /** Name of a certificate of the project, of the use `client`. */
  readonly clientCertificate?: string;
  /** Whoever answers is taken for the upstream (`gateway.upstreams:any`). */
  readonly verify?: false;
}

/** require: without a good certificate 403. request: passed on when there is one. */
export const CLIENT_TLS_MODES = ["require", "request"] as const;
export interface ClientTls {
  readonly mode: (typeof CLIENT_TLS_MODES)[number];
  /** PEM: the authorities that certificates are of. */
  readonly ca: string;
  /** PEM: which certificates are revoked, by each of the authorities. */
  readonly crl?: string;
}
export type Route = Resource<RouteSpec>;

export type RouteTarget =
  /** `basePath` is put before the request's path: `""` or `/base`, without a slash at the end. */
  | {
      readonly kind: "url";
      readonly tls: boolean;
      /** HTTP/2 on a plain connection. */
      readonly h2c: boolean;
      readonly host: string;
      readonly port: number;
      readonly basePath: string;
    }
  | { readonly kind: "container"; readonly tls: boolean; readonly name: string; readonly port: number }
  | { readonly kind: "bucket"; readonly name: string }
  | { readonly kind: "upstream"; readonly name: string };

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** Lower case, international names in ASCII, no dot at the end; `*.` in front stands for all names below. @throws `invalid`. */
export function canonicalHost(text: string): string {
  const wildcard = text.startsWith("*.");
  const rest = (wildcard ? text.slice(2) : text).replace(/\.$/, "");
  const refuse = (why: string, hint = "Like app.example.com, or *.example.com for all names below it.") => {
    return new SkerryError("invalid", `${JSON.stringify(text)} is not a host name for a route: ${why}.`, {
      hint,
      details: { field: "host" },
    });
  };
  const portless = /^([^:]+):\d+$/.exec(text)?.[1];
  if (portless !== undefined) {
    throw refuse(
      "it has a port",
      `Say ${portless}: a route is on the ports of the gateway, which skerry status shows.`,
    );
  }
  if (/[^\p{L}\p{M}\p{N}.-]/u.test(rest)) throw refuse("it may have letters, digits, '-' and dots only");
  const host = domainToASCII(rest);
  if (host === "" || host.length > 253) throw refuse("it has 1 to 253 characters");
  if (isIP(host) !== 0) {
    if (wildcard) throw refuse("an address has no names below it");
    return host;
  }
  if (!host.split(".").every((label) => label.length <= 63 && LABEL.test(label))) {
    throw refuse("each part has 1 to 63 letters, digits and '-', and neither begins nor ends with '-'");
  }
  return wildcard ? `*.${host}` : host;
}

/** Names that would take more than one's own: all names below one, a name without a dot, an address. */
export function needsOperator(host: string): boolean {
  return host.startsWith("*.") || !host.includes(".") || isIP(host) !== 0;
}

/** The name that is claimed by a route to this host; whoever has it has all names below it. */
export function claimedName(host: string): string {
  return host.startsWith("*.") ? host.slice(2) : host;
}

/** The names above it, nearest first: `a.b.c` -> `b.c`, `c`. An address has none. */
export function namesAbove(name: string): string[] {
  if (isIP(name) !== 0) return [];
  const labels = name.split(".");
  return labels.slice(1).map((_, at) => labels.slice(at + 1).join("."));
}

/**
 * A prefix of paths: begins with `/`, has none at its end but for `/` itself. An exact path keeps it. A pattern is only
 * measured: whether it can be used is the router's to say. @throws `invalid`.
 */
export function canonicalPath(text: string, kind?: RouteMatch["path"]): string {
  const refuse = (why: string) => {
    return new SkerryError("invalid", `${JSON.stringify(text)} is not a path for a route: ${why}.`, {
      hint:
        kind === "exact"
          ? "Like /, /favicon.ico or /docs/: it matches that and nothing else."
          : "Like /, /api or /docs/v2: it matches itself and everything below.",
      details: { field: "path" },
    });
  };
  if (kind === "regex") {
    if (text.length <= LIMITS.gateway.maxPattern) return text;
    throw refuse(`a pattern has at most ${LIMITS.gateway.maxPattern} characters`);
  }
  if (!text.startsWith("/")) throw refuse("it begins with /");
  if (text.length > LIMITS.gateway.maxRoutePath)
    throw refuse(`it has at most ${LIMITS.gateway.maxRoutePath} characters`);
  if (text === "/") return text;
  const path = text.replace(/\/$/, "");
  if (!/^[A-Za-z0-9/._~!$&'()*+,;=:@-]*$/.test(path))
    throw refuse("it has a character that a path does not have as it is");
  if (/\/\.{0,2}(\/|$)/.test(path)) throw refuse("it has an empty part, or one that is . or ..");
  return kind === "exact" ? text : path;
}

/** `http(s)://HOST[:PORT][/BASE]`, `h2c://` likewise, `[https+]container/NAME:PORT`, `bucket/NAME` or `upstream/NAME`. @throws `invalid`. */
export function parseTarget(text: string): RouteTarget {
  const container = /^(https\+)?container\/([^:/]+):(\d{1,5})$/.exec(text);
  if (container !== null) {
    const port = Number(container[3]);
    if (port < 1 || port > 65_535) throw refusedTarget(text, "a port is 1 to 65535");
    return { kind: "container", tls: container[1] !== undefined, name: named(text, container[2]), port };
  }
  const portless = /^(?:https\+)?container\/([^:/]+)$/.exec(text)?.[1];
  if (portless !== undefined) {
    throw refusedTarget(text, "the port is missing on which it answers", `Say it: container/${portless}:80`);
  }
  const other = /^(bucket|upstream)\/([^:/]+)$/.exec(text);
  if (other !== null) return { kind: other[1] as "bucket" | "upstream", name: named(text, other[2]) };
  const h2c = /^h2c:\/\//i.test(text);
  const asUrl = h2c ? `http${text.slice(3)}` : text;
  if (!/^https?:\/\//i.test(asUrl) || !URL.canParse(asUrl)) throw noTarget(text);
  const url = new URL(asUrl);
  if (url.username !== "" || url.password !== "") throw refusedTarget(text, "it has a user or password in it");
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(text))
    throw refusedTarget(text, "it has a query or fragment");
  const tls = url.protocol === "https:";
  // As it was written: URL resolves dots.
  const path = /^[^/]*\/\/[^/]*(.*)$/.exec(text)?.[1] ?? "";
  const basePath = path === "" || path === "/" ? "" : canonicalPath(path);
  return {
    ...{ kind: "url", tls, h2c, basePath },
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (tls ? 443 : 80) : Number(url.port),
  };
}

/** What `parseTarget` reads, in one spelling. @throws `invalid`. */
export function canonicalTarget(text: string): string {
  return formatTarget(parseTarget(text));
}

function formatTarget(target: RouteTarget): string {
  switch (target.kind) {
    case "bucket":
    case "upstream":
      return `${target.kind}/${target.name}`;
    case "container":
      return `${target.tls ? "https+" : ""}container/${target.name}:${target.port}`;
    case "url": {
      const { tls, h2c, host, port, basePath } = target;
      const authority = `${isIP(host) === 6 ? `[${host}]` : host}${port === (tls ? 443 : 80) ? "" : `:${port}`}`;
      return `${h2c ? "h2c" : tls ? "https" : "http"}://${authority}${basePath}`;
    }
  }
}

/** A name for a route that was given none, of all that tells it from others: `app.example.com/api` -> `app-example-com-api`. */
export function routeNameOf(host: string, path: string, match?: RouteMatch): string {
  const conditions = CONDITION_PLACES.flatMap((place) => match?.[place] ?? []);
  const more = conditions.map(({ name, type, value }) => `-${type === "absent" ? "no-" : ""}${name}-${value ?? ""}`);
  return [host.replace(/^\*/, "any"), path, ...(match?.methods ?? []).map((method) => `-${method}`), ...more]
    .join("")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LIMITS.name.maxLength)
    .replace(/^-+|-+$/g, "");
}

/** `auto` is what is meant when nothing is said. */
export function spokenWith(protocol: UpstreamProtocol | undefined): { protocol?: UpstreamProtocol } {
  return protocol === undefined || protocol === "auto" ? {} : { protocol };
}

/** What is spoken with an upstream. @throws `invalid` (the route says something else than its target). */
export function assertProtocol(to: string | undefined, protocol: UpstreamProtocol | undefined): void {
  if (to === undefined && protocol !== undefined) {
    throw new SkerryError("invalid", "A route that passes nothing on speaks with no upstream.", {
      hint: "Leave the protocol out.",
      details: { field: "protocol" },
    });
  }
  if (to === undefined) return;
  if (protocol !== undefined && protocol !== "auto" && to.startsWith("upstream/")) {
    throw new SkerryError("invalid", `The upstream itself says what is spoken with its backends, not the route.`, {
      hint: `Leave it out here: skerry upstream update ${to.slice("upstream/".length)} --protocol ${protocol}`,
      details: { field: "protocol" },
    });
  }
  if (protocol !== "http/1.1" || !to.startsWith("h2c://")) return;
  throw new SkerryError("invalid", "A route to h2c:// speaks h2, not http/1.1.", {
    hint: "Say http:// instead of h2c://, or leave the protocol out.",
    details: { field: "protocol" },
  });
}

function named(target: string, name: string | undefined): string {
  if (isName(name)) return name;
  throw refusedTarget(target, `a name is ${NAME_RULE}`);
}

const TARGETS_HINT =
  "Like http://10.0.0.7:3000, https://example.com/base, container/web:80, https+container/web:443, bucket/site or upstream/web.";

/** Most often it is missing how it speaks. */
function noTarget(text: string): SkerryError {
  const isAddress = /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:\/.*)?$/i.test(text) && /[.:]/.test(text);
  if (!isAddress) return refusedTarget(text, "it is none of the four kinds");
  return refusedTarget(text, "it does not say how it is spoken with", `Say http://${text}, or https://${text}`);
}

function refusedTarget(text: string, why: string, hint = TARGETS_HINT): SkerryError {
  return new SkerryError("invalid", `${JSON.stringify(text)} is not a target of a route: ${why}.`, {
    hint,
    details: { field: "to" },
  });
}
