/** Of a route that is split: a variant that gets more requests step by step, and none when it fails. */
import { z } from "zod";
import { CANARY_ACTIONS, CANARY_PHASES } from "../../domain/route-canary.ts";
import { nameSchema } from "../schema.ts";

const canarySchema = z
  .strictObject({
    variant: nameSchema.describe("Of the split"),
    steps: z.array(z.int()).max(64).optional().describe("Percent of the requests, growing; default 5, 25, 50, 100"),
    every: z.string().max(20).optional().describe("Each step lasts so long at least: 30s, 5m; default 5m"),
    maxErrorPercent: z
      .number()
      .optional()
      .describe("With more of its requests failing it is led back, unless the others fail as often; default 5"),
    maxP95Ms: z.int().optional().describe("The same when 95 % of them take longer; default: that is not looked at"),
    minRequests: z.int().optional().describe("Nothing is judged by less of them; default 50"),
  })
  .describe("The gateway moves the weights: it begins at the first step, and again when a variant becomes another");

export const canaryFields = { canary: canarySchema.optional() };
export const canaryChanges = { canary: canarySchema.nullable().optional() };

const seen = z.object({ requests: z.int(), failed: z.int() });
export const canaryStatus = z
  .object({
    phase: z.enum(CANARY_PHASES),
    percent: z.number().describe("Of the requests that are the canary's"),
    since: z.string(),
    why: z.string(),
    watch: z
      .object({ found: z.string(), canary: seen, others: seen })
      .optional()
      .describe("What is seen of it at present; absent: it is not looked after"),
  })
  .optional()
  .describe("Of a route with a canary");

export const canaryBody = z.strictObject({
  action: z.enum(CANARY_ACTIONS).describe("start: from the first step; promote: all requests; abort: none"),
  canary: canarySchema.optional().describe("With start: what is to hold from now on; default: what the route says"),
});
