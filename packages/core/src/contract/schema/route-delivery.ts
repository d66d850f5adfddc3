import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { RETRY_CAUSES } from "../../domain/route-delivery.ts";
import { HEDGE_PERCENTILES } from "../../domain/route-hedge.ts";

const { minTimeoutMs, maxConnectMs, maxTimeoutMs, maxRetries, maxBudgetPercent, maxBackoffMs } = LIMITS.delivery;
const { maxHedgeMs, maxHedges, maxHedgePercent } = LIMITS.delivery;
const time = (mostMs: number, what: string) => z.int().min(minTimeoutMs).max(mostMs).optional().describe(what);
const timeouts = z
  .strictObject({
    connectMs: time(maxConnectMs, "Until there is a connection to a backend; default 10 s"),
    headMs: time(maxTimeoutMs, "From the request's end to the head of the answer; default 60 s"),
    bodyMs: time(maxTimeoutMs, "A body may stand still for so long because of the upstream; default 60 s"),
    totalMs: time(maxTimeoutMs, "From the request to the answer's end, not of a tunnel; default: no bound"),
  })
  .describe("How long the upstream may take, in milliseconds; beyond: 504. Replaced as a whole, {} for the defaults");
const retries = z
  .strictObject({
    attempts: z.int().min(0).max(maxRetries).describe("More than the first one; 0: none"),
    on: z
      .array(z.enum(RETRY_CAUSES))
      .min(1)
      .max(RETRY_CAUSES.length)
      .optional()
      .describe("No connection, one that broke, an answer's status, no head in time; default: all but timeout"),
    budgetPercent: z
      .int()
      .min(1)
      .max(maxBudgetPercent)
      .optional()
      .describe("Requests that are sent again, of those that come, in each worker; default 10"),
    backoffMs: z
      .int()
      .min(0)
      .max(maxBackoffMs)
      .optional()
      .describe("The random pause before is up to this, then up to twice as much ...; default 25"),
  })
  .describe("Requests that are sent again, where that is safe; replaced as a whole");
const hedge = z
  .strictObject({
    after: z
      .enum(HEDGE_PERCENTILES)
      .optional()
      .describe("Without a head for longer than so many of a hundred answers take; or afterMs"),
    afterMs: z.int().min(1).max(maxHedgeMs).optional().describe("Without a head for so long; or after"),
    most: z.int().min(1).max(maxHedges).optional().describe("Backends besides the first; default 1"),
    budgetPercent: z
      .int()
      .min(1)
      .max(maxHedgePercent)
      .optional()
      .describe("Requests that are sent so, of those that come, in each worker; default 5"),
  })
  .describe("GET, HEAD and OPTIONS go to another backend too when the first is slow; replaced as a whole");

/** How requests are brought to what a route leads to. */
export const deliveryFields = { timeouts: timeouts.optional(), retries: retries.optional(), hedge: hedge.optional() };
/** In a change: null for as usual. */
export const deliveryChanges = {
  timeouts: timeouts.nullable().optional(),
  retries: retries.nullable().optional(),
  hedge: hedge.nullable().optional(),
};
