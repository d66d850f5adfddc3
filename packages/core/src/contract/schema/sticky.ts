/** How clients come back to what they had. */
import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { STICKY_KEYS } from "../../domain/upstreams.ts";

const { maxConditionName, maxStickySeconds } = LIMITS.gateway;

/** `usual`: the name of the cookie when none is said. */
export function stickyFields(usual: string) {
  return {
    by: z.enum(STICKY_KEYS),
    name: z.string().max(maxConditionName).optional().describe(`Default of a cookie: ${usual}`),
    ttlSeconds: z
      .int()
      .min(1)
      .max(maxStickySeconds)
      .optional()
      .describe("Of the cookie; default: until the browser ends"),
  };
}
