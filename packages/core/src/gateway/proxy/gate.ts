/** What is decided about a request before anybody is connected to, and what is let go when it has ended. */
import { SkerryError } from "../../domain/errors.ts";
import { Refusal } from "../http1/grammar.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { TableEntry } from "../table.ts";
import { type Peer, peerRefusal } from "../tls/peer.ts";
import type { Context } from "./context.ts";
import { type Admitted, refused, YES } from "./guarded.ts";
import { LOOP, NO_ROUTE, OVERLOADED } from "./own-errors.ts";

/** With an error: the gateway answers it itself; else it goes on to the route that was found. */
export function admit(
  { admission, guards, limits, stats, options }: Context,
  head: RequestHead,
  found: TableEntry | Refusal | undefined,
  peer: Peer,
  nowMs: number,
): Admitted {
  const guard = found instanceof Refusal ? undefined : found?.guard;
  // A tunnel lasts for hours, and mostly nothing is done for it: requests are not to make way for many.
  const inFlight = stats.inFlight - Math.min(stats.tunnels, limits.maxTunnels);
  if (admission.refuses(guard?.priority ?? "normal", inFlight, nowMs)) {
    stats.shed++;
    return refused(OVERLOADED);
  }
  if (head.hops >= limits.maxHops) return refused(LOOP);
  if (found === undefined) return refused(NO_ROUTE);
  if (found instanceof Refusal) return refused(new SkerryError(found.id, found.message));
  const error = peerRefusal(found.clientTls, peer, options.wallMs);
  if (error !== undefined) return refused(error);
  return guard === undefined ? YES : guards.ask(found, guard, head, peer.address, nowMs);
}

/** Bytes of data that a body whose length is not said may have. */
export function bodyLimitOf(entry: TableEntry | undefined): number {
  return entry?.guard?.limits?.maxBodyBytes ?? Number.POSITIVE_INFINITY;
}

/** A request has ended: what it held is free. */
export function leave({ admission, guards }: Context, { held }: Admitted, nowMs: number): void {
  admission.note(nowMs);
  if (held !== undefined) guards.release(held);
}
