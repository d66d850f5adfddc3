import { createHash } from "node:crypto";
import type { RouteSpec } from "../domain/gateway.ts";
import { matchKey } from "../domain/route-match.ts";

/**
 * One route for each listener, and for each host and what it asks of a request. What is long is told by its hash: keys have a
 * bound.
 */
export function placeKey({ host, path, match, listen }: RouteSpec): string {
  if (listen !== undefined || match === undefined) return `/unique/route/${listen ?? `${host}${path}`}`;
  return `/unique/route/${host} ${createHash("sha256").update(matchKey(path, match)).digest("base64url")}`;
}
