import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { nameSchema, noParams, projectQuery } from "../schema.ts";

/** What goes in and out, by route. */
export const accessLogSchemas = {
  read: {
    params: noParams,
    query: projectQuery.extend({
      route: nameSchema.optional().describe("Only requests to this route"),
      errors: z
        .enum(["1"])
        .optional()
        .describe("Only requests that failed: a status from 500, or an error of the gateway"),
      follow: z.enum(["1"]).optional().describe("Go on with what comes"),
      tail: z.coerce
        .number()
        .int()
        .min(0)
        .max(LIMITS.gateway.maxAccessTail)
        .optional()
        .describe("So many of the newest lines"),
    }),
  },
};
