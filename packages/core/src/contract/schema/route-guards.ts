/** Of a route: who may come in, and how much. */
import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { PRIORITIES } from "../../domain/route-limits.ts";

const entries = (what: string) =>
  z
    .array(z.string().max(80))
    .max(LIMITS.gateway.maxAccessEntries)
    .optional()
    .describe(`${what}: networks (10.0.0.0/8, 2001:db8::/32), addresses, or iplist/NAME`);

export const accessSchema = z
  .strictObject({ allow: entries("These alone"), block: entries("Not these, also when they are allowed") })
  .describe("From which addresses clients may come; others get 403. Replaced as a whole, {} for all");

export const prioritySchema = z
  .enum(PRIORITIES)
  .describe("Who is refused first when the gateway has too much to do; default normal");

const count = (what: string) => z.int().min(1).max(LIMITS.guard.maxRateRequests).describe(what);
const rate = z.strictObject({
  by: z
    .string()
    .max(80)
    .describe(
      "Who has a bucket of his own: ip (of IPv6 the /64), header:NAME (each value); route, project: one for all",
    ),
  requests: count("So many in each per"),
  per: z.string().max(8).describe("10s, 1m, 1h, 1d; a day at most"),
  burst: count("So many at once; default: as requests").optional(),
});

export const limitsSchema = z
  .strictObject({
    rate: z.array(rate).max(LIMITS.guard.maxRateRules).optional().describe("All of them hold; beyond: 429"),
    inFlight: z.int().optional().describe("Requests that are being served at once; beyond: 503"),
    inFlightPerClient: z.int().optional().describe("Of them, those of one client, in each worker; beyond: 429"),
    maxBodyBytes: z.int().optional().describe("Of a request; beyond: 413"),
    maxHeaderBytes: z.int().optional().describe("Of a request's line and headers; beyond: 431"),
  })
  .describe("How much it takes. Replaced as a whole, {} for as much as the gateway takes");
