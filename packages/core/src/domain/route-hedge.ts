/** Requests that are sent to a second backend when the first one is slow; the first answer counts. `gateway/proxy` does it. */
import { LIMITS } from "./limits.ts";
import { assertWithin, refuse } from "./route-refusal.ts";

/** Of the times that the answers of a route take to begin: beyond it, a request is one of the slow ones. */
export const HEDGE_PERCENTILES = ["p90", "p95", "p99"] as const;
export type HedgePercentile = (typeof HEDGE_PERCENTILES)[number];

export interface RouteHedge {
  /** Without a head for so long another backend is asked; in each worker as it has measured. Exclusive with `afterMs`. */
  readonly after?: HedgePercentile;
  readonly afterMs?: number;
  /** Backends that are asked besides, each after as long a wait. Absent: 1. */
  readonly most?: number;
  /** Requests that are sent so, of those that could be, in each worker. Absent: `LIMITS.delivery.hedgePercent`. */
  readonly budgetPercent?: number;
}

const { maxHedgeMs, maxHedges, maxHedgePercent } = LIMITS.delivery;

/** @throws `invalid`. */
export function checkHedge({ after, afterMs, most, budgetPercent }: RouteHedge): RouteHedge {
  if ((after === undefined) === (afterMs === undefined))
    throw refuse("hedge.after", "It says one of after, a percentile, and afterMs.");
  if (after !== undefined && !HEDGE_PERCENTILES.includes(after))
    throw refuse("hedge.after", `It is one of ${HEDGE_PERCENTILES.join(", ")}.`);
  if (afterMs !== undefined) assertWithin("hedge.afterMs", "milliseconds", afterMs, 1, maxHedgeMs);
  if (most !== undefined) assertWithin("hedge.most", "backends", most, 1, maxHedges);
  if (budgetPercent !== undefined) assertWithin("hedge.budgetPercent", "percent", budgetPercent, 1, maxHedgePercent);
  return {
    ...(after === undefined ? {} : { after }),
    ...(afterMs === undefined ? {} : { afterMs }),
    ...(most === undefined ? {} : { most }),
    ...(budgetPercent === undefined ? {} : { budgetPercent }),
  };
}
