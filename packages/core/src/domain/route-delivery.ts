/** How a request is brought to what a route leads to: how long each part of it may take. Plain rules; `gateway/proxy` keeps them. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** In milliseconds; what is absent is as `LIMITS.proxy` has it. */
export interface RouteTimeouts {
  /** Until there is a connection to a backend, waiting for one included. Beyond: `unavailable/connect-timeout`. */
  readonly connectMs?: number;
  /** From the request's end to the head of the answer. Beyond: `unavailable/head-timeout`. */
  readonly headMs?: number;
  /** So long a body may stand still because of the upstream. Beyond: `unavailable/body-timeout`. */
  readonly bodyMs?: number;
  /** From the request's head to the answer's end; not of a tunnel. Absent: no bound. Beyond: `unavailable/total-timeout`. */
  readonly totalMs?: number;
}

/** What a route says of it. */
export interface Delivery {
  readonly timeouts?: RouteTimeouts;
}

/** A part that is null is as usual again; one that is absent stays. */
export type DeliveryChange = { readonly [K in keyof Delivery]: Delivery[K] | null | undefined };

const { minTimeoutMs, maxConnectMs, maxTimeoutMs } = LIMITS.delivery;
const MOST: Readonly<Record<keyof RouteTimeouts, number>> = {
  connectMs: maxConnectMs,
  headMs: maxTimeoutMs,
  bodyMs: maxTimeoutMs,
  totalMs: maxTimeoutMs,
};

/** What was said, without what was not. @throws `invalid`. */
export function checkDelivery({ timeouts }: DeliveryChange): DeliveryChange {
  return timeouts === undefined ? {} : { timeouts: timeouts && checkTimeouts(timeouts) };
}

/** Null: nothing is said. */
function checkTimeouts(timeouts: RouteTimeouts): RouteTimeouts | null {
  const said: { -readonly [K in keyof RouteTimeouts]: number } = {};
  for (const name of Object.keys(MOST) as (keyof RouteTimeouts)[]) {
    const ms = timeouts[name];
    if (ms === undefined) continue;
    if (!Number.isInteger(ms) || ms < minTimeoutMs || ms > MOST[name]) {
      throw refuse(`timeouts.${name}`, `A timeout is ${minTimeoutMs} to ${MOST[name]} milliseconds here, not ${ms}.`);
    }
    said[name] = ms;
  }
  return Object.keys(said).length === 0 ? null : said;
}

/** The spec as it is after the change, which was checked. */
export function withDelivery<S extends Delivery>(spec: S, change: DeliveryChange): S {
  const { timeouts: before, ...rest } = spec;
  const timeouts = change.timeouts === undefined ? before : change.timeouts;
  return { ...(rest as S), ...(timeouts && { timeouts }) };
}

/** What a spec says of it, and nothing else. */
export function deliveryOf({ timeouts }: Delivery): Delivery {
  return { ...(timeouts && { timeouts }) };
}

function refuse(field: string, message: string): SkerryError {
  return new SkerryError("invalid", message, {
    hint: "skerry route create --help tells what can be said.",
    details: { field: `spec.${field}` },
  });
}
