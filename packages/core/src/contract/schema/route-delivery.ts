import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";

const { minTimeoutMs, maxConnectMs, maxTimeoutMs } = LIMITS.delivery;
const time = (mostMs: number, what: string) => z.int().min(minTimeoutMs).max(mostMs).optional().describe(what);
const timeouts = z
  .strictObject({
    connectMs: time(maxConnectMs, "Until there is a connection to a backend; default 10 s"),
    headMs: time(maxTimeoutMs, "From the request's end to the head of the answer; default 60 s"),
    bodyMs: time(maxTimeoutMs, "A body may stand still for so long because of the upstream; default 60 s"),
    totalMs: time(maxTimeoutMs, "From the request to the answer's end, not of a tunnel; default: no bound"),
  })
  .describe("How long the upstream may take, in milliseconds; beyond: 504. Replaced as a whole, {} for the defaults");

/** How requests are brought to what a route leads to. */
export const deliveryFields = { timeouts: timeouts.optional() };
/** In a change: null for as usual. */
export const deliveryChanges = { timeouts: timeouts.nullable().optional() };
