/** What is decided about a request before anybody is connected to. */
import { SkerryError } from "../../domain/errors.ts";
import { Refusal } from "../http1/grammar.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { TableEntry } from "../table.ts";
import { type Peer, peerRefusal } from "../tls/peer.ts";
import type { Context } from "./context.ts";
import { LOOP, NO_ROUTE, OVERLOADED } from "./own-errors.ts";

/** Why the gateway answers it itself; undefined: it goes on to the route that was found. */
export function refusalOf(
  { limits, stats, options }: Context,
  head: RequestHead,
  found: TableEntry | Refusal | undefined,
  peer: Peer,
): SkerryError | undefined {
  if (stats.inFlight > limits.maxInFlight) return OVERLOADED;
  if (head.hops >= limits.maxHops) return LOOP;
  if (found === undefined) return NO_ROUTE;
  if (found instanceof Refusal) return new SkerryError(found.id, found.message);
  return peerRefusal(found.clientTls, peer, options.wallMs);
}
