/** Of a route whose requests are split among several places. */
import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { nameSchema } from "../schema.ts";
import { stickyFields } from "./sticky.ts";

const { maxVariants, maxWeight, maxTags } = LIMITS.gateway;

const splitSchema = z
  .strictObject({
    variants: z
      .array(
        z.strictObject({
          name: nameSchema.describe("Access log, counts and clients that come back go by it"),
          to: z.string().max(2048).describe("As to of the route"),
          weight: z
            .int()
            .min(0)
            .max(maxWeight)
            .optional()
            .describe("Its share of the requests, beside the weights of the others; default 1, 0: none"),
          tags: z.array(nameSchema).max(maxTags).optional().describe("With upstream/NAME: backends that have all"),
        }),
      )
      .max(maxVariants)
      .describe(`2 to ${maxVariants}; replaced as a whole`),
    sticky: z
      .strictObject(stickyFields("skerry-split-NAME of the route"))
      .optional()
      .describe("Clients come back to the variant that they had, unless its weight is 0"),
  })
  .describe("Instead of to: requests are split among several places by weight");

export const splitFields = { split: splitSchema.optional() };

const state = z.enum(["ready", "down"]);
/** What has become of each. */
export const variantStatus = z
  .array(
    z.object({
      name: z.string(),
      percent: z.number().describe("Of the requests"),
      state,
      reason: z.string().optional().describe("Why it is down"),
      traffic: z
        .object({
          requests: z.int(),
          failed: z.int().describe("Of them, those with a status of the upstream from 500 on, or without its answer"),
          p95Ms: z.number().describe("95 of 100 took no longer"),
        })
        .optional()
        .describe("Since the daemon's start; absent: there was none"),
    }),
  )
  .optional()
  .describe("Of a split");
