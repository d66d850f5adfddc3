import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { CARE_BOUNDS, USUAL_CARE } from "../../domain/upstream-care.ts";

const { care } = LIMITS;
const { breaker: b, ejection: e, health: h } = CARE_BOUNDS;
const within = ([least, most]: readonly [number, number], what: string) =>
  z.int().min(least).max(most).optional().describe(what);

const breaker = z
  .strictObject({
    failures: within(b.failures, "In a row, that open it; default 5"),
    ratioPercent: within(b.ratioPercent, "Failures of so many requests within windowMs open it, too; default 50"),
    windowMs: within(b.windowMs, "Default 10 s"),
    minRequests: within(b.minRequests, "Fewer within windowMs say nothing; default 20"),
    openMs: within(b.openMs, "It stays open for so long, then for twice as long each time; default 5 s"),
    maxOpenMs: within(b.maxOpenMs, "Default 1 min"),
    probes: within(b.probes, "Requests that are let through then; when all succeed it closes; default 1"),
  })
  .describe("A backend that fails (no answer, or 5xx) gets no requests for a while; {} for the defaults");
const ejection = z
  .strictObject({
    failures: within(e.failures, "In a row; default 5"),
    baseMs: within(e.baseMs, "For so long, then twice, three times as long; default 30 s"),
    maxPercent: within(e.maxPercent, "Of the backends; one may always be, all never; default 50"),
  })
  .describe("A backend that fails while others do not is left out for a while; {} for the defaults");
const health = z
  .strictObject({
    path: z.string().max(2048).optional().describe("Asked with GET; absent: a connection is enough"),
    host: z.string().max(255).optional().describe("Host of these requests; default: the backend's"),
    status: z.string().max(7).optional().describe(`Good answers: 200 or 200-399; default ${USUAL_CARE.status}`),
    intervalMs: within(h.intervalMs, "Default 5 s, a fifth more or less"),
    timeoutMs: within(h.timeoutMs, "Default 2 s"),
    healthy: within(h.healthy, "Good ones in a row that bring it back; default 2"),
    unhealthy: within(h.unhealthy, "Bad ones in a row, after the first good one; default 3"),
  })
  .describe("Each worker asks each backend, on connections of its own; {} for the defaults");
const slowStartMs = z
  .int()
  .min(0)
  .max(care.maxSlowStartMs)
  .describe("The weight of a backend that is new or comes back grows for so long; 0: not at all");

/** What is done about backends that fail. */
export const careFields = {
  ...{ breaker: breaker.optional(), ejection: ejection.optional(), health: health.optional() },
  slowStartMs: slowStartMs.optional(),
};
/** In a change: null for not any more. */
export const careChanges = {
  ...{ breaker: breaker.nullable().optional(), ejection: ejection.nullable().optional() },
  ...{ health: health.nullable().optional(), slowStartMs: slowStartMs.nullable().optional() },
};
