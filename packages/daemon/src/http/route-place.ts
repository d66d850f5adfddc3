/** What a call says of the place of a route, and of where it leads: HTTP's, or below it. */
import { isIP } from "node:net";
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import {
  canonicalHost,
  canonicalPath,
  canonicalTarget,
  needsOperator,
  parseTarget,
} from "@skerry/core/domain/gateway.ts";
import type { Permission } from "@skerry/core/domain/identity.ts";
import {
  formatListener,
  formatListenerTarget,
  parseListener,
  parseListenerTarget,
} from "@skerry/core/domain/listeners.ts";
import { canonicalMatch, type RouteMatch } from "@skerry/core/domain/route-match.ts";
import { assertMatch } from "@skerry/core/gateway/routing/patterns.ts";
import type { Gateway } from "../gateway/gateway.ts";

type MatchView = NonNullable<RouteView["spec"]["match"]>;

const ANY_HOST: Permission = { root: "gateway", resource: "routes", action: "any" };
const ANY_PORT: Permission = { root: "gateway", resource: "ports", action: "any" };

/** In canonical form. Of a route below HTTP, `host` is the name of a handshake or empty. */
export interface Place {
  readonly host: string;
  readonly path: string;
  readonly match?: RouteMatch;
  readonly listen?: string;
}

interface PlaceText {
  readonly host?: string | undefined;
  readonly path?: string | undefined;
  readonly match?: MatchView | RouteMatch | undefined;
  readonly listen?: string | undefined;
}

/** @throws `invalid`. */
export function readPlace({ host, path, match, listen }: PlaceText): Place {
  if ((host === undefined) === (listen === undefined)) {
    throw new SkerryError("invalid", "A route has either a host or a listener.", {
      hint: "host (and path) for HTTP: app.example.com. listen for what is below it: tcp://:20000.",
      details: { field: host === undefined ? "host" : "listen" },
    });
  }
  if (listen === undefined) {
    const { path: read, match: asked } = requestsOf({ path, match });
    return { host: canonicalHost(host ?? ""), path: read, ...(asked === undefined ? {} : { match: asked }) };
  }
  if (path !== undefined || match !== undefined) {
    throw new SkerryError(
      "invalid",
      "A route with a listener has no path, and asks for nothing: it does not read what goes through it.",
      {
        details: { field: "path" },
      },
    );
  }
  const listener = parseListener(listen);
  return { host: listener.host, path: "/", listen: formatListener(listener) };
}

/** Which requests of its host a route is to take, in one spelling. @throws `invalid`. */
export function requestsOf(spec: Pick<PlaceText, "path" | "match">): {
  readonly path: string;
  readonly match: RouteMatch | undefined;
} {
  const match = canonicalMatch(spec.match as RouteMatch | undefined);
  if (spec.path === undefined && match?.path === "regex") {
    throw new SkerryError("invalid", "The pattern is missing that paths are to match.", { details: { field: "path" } });
  }
  const path = canonicalPath(spec.path ?? "/", match?.path);
  if (match !== undefined) assertMatch(path, match);
  return { path, match };
}

type Told = "v1" | "v2" | "none" | undefined;

/** Whether the backend is told who asks. @throws `invalid` where it cannot be. */
export function readTold(told: Told, { listen }: Place): Told {
  if (told === undefined || told === "none") return told;
  if (listen !== undefined && parseListener(listen).protocol !== "udp") return told;
  throw new SkerryError("invalid", "The PROXY protocol goes with routes of tcp, tls and ssh alone.", {
    hint: listen === undefined ? "Backends of HTTP are told in X-Forwarded-For." : "Leave it out.",
    details: { field: "proxyProtocol" },
  });
}

export function placeText({ host, path, listen }: Place): string {
  return listen ?? `${host}${path}`;
}

/** Whether what is said of a route that is there would make it one of another host or listener. @throws `invalid`. */
export function movesPlace(place: Place, { host, path, match, listen }: PlaceText): boolean {
  if (place.listen === undefined) {
    return listen !== undefined || (host !== undefined && canonicalHost(host) !== place.host);
  }
  if (host !== undefined || path !== undefined || match !== undefined) return true;
  return listen !== undefined && formatListener(parseListener(listen)) !== place.listen;
}

/** Whether who asks may have any name in a project, and so give away what is below its own. */
export function mayTakeAny(call: Call, project: string): boolean {
  return call.allows(ANY_HOST, { project });
}

/** Whether who asks may take it. @throws `forbidden`, `invalid` (a port of our own). */
export function assertMayTake(call: Call, gateway: Gateway, project: string, { host, listen }: Place): void {
  if (host !== "" && needsOperator(host)) assertMay(call, project, ANY_HOST, `the host ${host}`);
  if (listen === undefined) return;
  const { protocol, port } = parseListener(listen);
  if (port === 0) return;
  // Ours are all TCP.
  const rule = protocol === "udp" && gateway.portRule(port) !== "any" ? "guarded" : gateway.portRule(port);
  if (rule === "own" || (rule === "https" && protocol !== "ssh")) {
    throw new SkerryError("invalid", `The port ${port} is one that Skerry itself answers on.`, {
      hint: protocol === "tls" ? `Leave it out: tls://${host} is on the port of HTTPS.` : "Choose another port.",
      details: { field: "listen" },
    });
  }
  if (rule !== "any") assertMay(call, project, ANY_PORT, `the port ${port}`);
}

/** Where a route leads. */
export interface Destination {
  /** Canonical. */
  readonly to: string;
  readonly kind: "url" | "address" | "container" | "bucket" | "upstream";
  /** Name of the container, bucket or upstream; host of the rest. */
  readonly name: string;
}

/** @throws `invalid`. */
export function readDestination(to: string, listen: string | undefined): Destination {
  if (listen !== undefined) {
    const target = parseListenerTarget(to, parseListener(listen).protocol);
    const name = target.kind === "container" ? target.name : target.host;
    return { to: formatListenerTarget(target), kind: target.kind, name };
  }
  const target = parseTarget(to);
  return { to: canonicalTarget(to), kind: target.kind, name: target.kind === "url" ? target.host : target.name };
}

/** What can be told before a name is resolved; the rest is checked at each connect. */
export function leadsToGuarded(gateway: Gateway, { kind, name }: Destination): boolean {
  if (kind !== "url" && kind !== "address") return false;
  return isIP(name) !== 0 ? gateway.isGuarded(name) : /(^|\.)localhost\.?$/i.test(name);
}

/** @throws `forbidden` that names the permission. */
export function assertMay(call: Call, project: string, permission: Permission, what: string): void {
  if (call.allows(permission, { project })) return;
  const text = `${permission.root}.${permission.resource}:${permission.action}`;
  throw new SkerryError("forbidden", `You may not use ${what}: it needs ${text}.`, {
    hint: "Ask an operator or admin of this cloud.",
    details: { permission: text },
  });
}
