/** Where a request is sent instead: a template with the request's own parts in it, written as a URI (RFC 3986). */
import type { Redirect } from "../../domain/route-actions.ts";

/** What of a request may stand in an answer. */
export interface Asked {
  /** `https` or `http`. */
  readonly scheme: string;
  /** Of the route, checked by the parser: without a port. */
  readonly host: string;
  /** As it came, with its port. */
  readonly hostHeader: string;
  /** Path and query as they came, or `*`. */
  readonly target: string;
}

/** What no URI has as it is; all of it is ASCII. A backslash is a slash to browsers. */
const UNSAFE = /["<>\\^`{|}]/g;

function encoded(text: string): string {
  return text.replace(UNSAFE, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

/** The value of Location. It names no other host than the template or the route does, whatever was asked for. */
export function locationOf({ to }: Redirect, asked: Asked): string {
  const target = asked.target === "*" ? "/" : asked.target;
  const at = target.indexOf("?");
  const path = encoded(at < 0 ? target : target.slice(0, at));
  const query = at < 0 ? "" : encoded(target.slice(at));
  const location = to.replace(/\{(scheme|host|path|query)\}/g, (_, name: string, place: number) => {
    if (name === "query") return to.slice(0, place).includes("?") && query !== "" ? `&${query.slice(1)}` : query;
    return name === "path" ? path : name === "host" ? asked.host : asked.scheme;
  });
  // Two slashes at the beginning would name a host.
  return location.replace(/^\/+/, "/");
}

/** The same place by HTTPS, on this port. */
export function httpsLocation(asked: Asked, port: number): string {
  return locationOf({ to: `https://{host}${port === 443 ? "" : `:${port}`}{path}{query}`, status: 308 }, asked);
}
