/** How a request is brought to what a route leads to: how long each part of it may take. Plain rules; `gateway/proxy` keeps them. */
import { LIMITS } from "./limits.ts";
import { checkHedge, type RouteHedge } from "./route-hedge.ts";
import { assertWithin, refuse } from "./route-refusal.ts";

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

/** What keeps a request from an answer, so that it may be sent again: no connection, one that broke, an answer's status, no head in time. */
export const RETRY_CAUSES = ["connect", "reset", "502", "503", "504", "timeout"] as const;
export type RetryCause = (typeof RETRY_CAUSES)[number];

export interface RouteRetries {
  /** More than the first one. */
  readonly attempts: number;
  /** Absent: all but `timeout`. */
  readonly on?: readonly RetryCause[];
  /** Requests that are sent again, of those that have come, in each worker. Absent: `LIMITS.delivery.budgetPercent`. */
  readonly budgetPercent?: number;
  /** Before the first one there is a random pause up to this. Absent: `LIMITS.delivery.backoffMs`. */
  readonly backoffMs?: number;
}

/** What a route says of it. */
export interface Delivery {
  readonly timeouts?: RouteTimeouts;
  readonly retries?: RouteRetries;
  readonly hedge?: RouteHedge;
}

export const DELIVERY_NAMES = ["timeouts", "retries", "hedge"] as const satisfies readonly (keyof Delivery)[];

/** A part that is null is as usual again; one that is absent stays. */
export type DeliveryChange = { readonly [K in keyof Delivery]: Delivery[K] | null | undefined };

const { minTimeoutMs, maxConnectMs, maxTimeoutMs, maxRetries, maxBudgetPercent, maxBackoffMs } = LIMITS.delivery;
const MOST: Readonly<Record<keyof RouteTimeouts, number>> = {
  connectMs: maxConnectMs,
  headMs: maxTimeoutMs,
  bodyMs: maxTimeoutMs,
  totalMs: maxTimeoutMs,
};

/** What was said, without what was not. @throws `invalid`. */
export function checkDelivery({ timeouts, retries, hedge }: DeliveryChange): DeliveryChange {
  return {
    ...(timeouts === undefined ? {} : { timeouts: timeouts && checkTimeouts(timeouts) }),
    ...(retries === undefined ? {} : { retries: retries && checkRetries(retries) }),
    ...(hedge === undefined ? {} : { hedge: hedge && checkHedge(hedge) }),
  };
}

/** Null: none. */
function checkRetries({ attempts, on, budgetPercent, backoffMs }: RouteRetries): RouteRetries | null {
  assertWithin("retries.attempts", "attempts", attempts, 0, maxRetries);
  if (attempts === 0) return null;
  if (on?.length === 0) throw refuse("retries.on", "Requests are sent again on one cause at least.");
  for (const cause of on ?? []) {
    if (!RETRY_CAUSES.includes(cause)) throw refuse("retries.on", `It is one of ${RETRY_CAUSES.join(", ")}.`);
  }
  if (budgetPercent !== undefined) assertWithin("retries.budgetPercent", "percent", budgetPercent, 1, maxBudgetPercent);
  if (backoffMs !== undefined) assertWithin("retries.backoffMs", "milliseconds", backoffMs, 0, maxBackoffMs);
  return {
    attempts,
    ...(on === undefined ? {} : { on: RETRY_CAUSES.filter((cause) => on.includes(cause)) }),
    ...(budgetPercent === undefined ? {} : { budgetPercent }),
    ...(backoffMs === undefined ? {} : { backoffMs }),
  };
}

/** Null: nothing is said. */
function checkTimeouts(timeouts: RouteTimeouts): RouteTimeouts | null {
  const said: { -readonly [K in keyof RouteTimeouts]: number } = {};
  for (const name of Object.keys(MOST) as (keyof RouteTimeouts)[]) {
    const ms = timeouts[name];
    if (ms === undefined) continue;
    assertWithin(`timeouts.${name}`, "milliseconds", ms, minTimeoutMs, MOST[name]);
    said[name] = ms;
  }
  return Object.keys(said).length === 0 ? null : said;
}

/** The spec as it is after the change, which was checked. */
export function withDelivery<S extends Delivery>(spec: S, change: DeliveryChange): S {
  const { timeouts: timeoutsBefore, retries: retriesBefore, hedge: hedgeBefore, ...rest } = spec;
  const timeouts = change.timeouts === undefined ? timeoutsBefore : change.timeouts;
  const retries = change.retries === undefined ? retriesBefore : change.retries;
  const hedge = change.hedge === undefined ? hedgeBefore : change.hedge;
  return { ...(rest as S), ...(timeouts && { timeouts }), ...(retries && { retries }), ...(hedge && { hedge }) };
}

/** What a spec says of it, and nothing else. */
export function deliveryOf({ timeouts, retries, hedge }: Delivery): Delivery {
  return { ...(timeouts && { timeouts }), ...(retries && { retries }), ...(hedge && { hedge }) };
}
