import { z } from "zod";
import { UPSTREAM_PROTOCOLS } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import { BALANCE_METHODS, HASH_KEYS } from "../../domain/upstreams.ts";
import { IN_PROJECT, nameSchema, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";
import { stickyFields } from "./sticky.ts";
import { careChanges, careFields } from "./upstream-care.ts";
import { upstreamTls } from "./upstream-tls.ts";

const { maxBackends, maxWeight, maxTags, maxConditionName } = LIMITS.gateway;
const weight = z.int().min(0).max(maxWeight);
const tags = z.array(nameSchema).max(maxTags);
const backend = {
  name: nameSchema,
  to: z.string().max(2048).describe("http(s)://HOST[:PORT][/BASE], h2c:// likewise, or [https+]container/NAME:PORT"),
};
const backendView = z.object({
  ...backend,
  weight: weight.describe("Its share of the requests, beside the weights of the others; 0: none but those that stick"),
  tags: tags.describe("Routes may ask for backends that have some of them"),
  drain: z.boolean().describe("It gets no new requests; those that it has come to their end"),
});
const backendBody = z.strictObject({
  ...backend,
  weight: weight.optional().describe(`0 to ${maxWeight}; default 1`),
  tags: tags.optional(),
  drain: z.boolean().optional(),
});
const backends = z
  .array(backendBody)
  .min(1)
  .max(maxBackends)
  .describe("Replaced as a whole; one that keeps name and target keeps what it may reach");
const balance = z
  .strictObject({
    method: z.enum(BALANCE_METHODS).describe("Default: round-robin, by weight"),
    on: z.enum(HASH_KEYS).optional().describe("Of hash: what goes to one backend when it is alike; default client"),
    name: z.string().max(maxConditionName).optional().describe("Of the header, cookie or query parameter"),
  })
  .describe("How requests are spread; each gateway worker counts for itself");
const sticky = z
  .strictObject(stickyFields("skerry-NAME of the upstream"))
  .describe(
    "Clients come back to the backend that they had, while it is there: by a cookie of the gateway's, or a header of theirs",
  );
const shared = {
  balance: balance.optional(),
  sticky: sticky.optional(),
  protocol: z
    .enum(UPSTREAM_PROTOCOLS)
    .optional()
    .describe("Spoken with the backends; auto: HTTP/2 where an https:// one offers it, else HTTP/1.1"),
  upstreamTls: upstreamTls.optional(),
  ...careFields,
};
export const upstreamSchema = resourceSchema(
  "upstream",
  z.object({ backends: z.array(backendView), ...shared }),
).extend({
  status: z
    .object({
      state: z.enum(["ready", "down"]),
      reason: z.string().optional().describe("Why it is down"),
      backends: z.array(
        z.object({
          name: z.string(),
          state: z.enum(["ready", "draining", "down"]),
          reason: z.string().optional().describe("Why it is down, or not quite ready"),
          traffic: z
            .object({
              requests: z.int().describe("That have chosen it"),
              failures: z.int().describe("Of them, those that got no answer, or not all of it"),
              inFlight: z.int().describe("Now, or a second ago"),
              connections: z.int().describe("That are open now to its address; others may share them"),
              idleConnections: z.int().describe("Of them, those that nobody uses"),
              connectFailures: z.int().describe("Connections that could not be made"),
              checksPassed: z.int().describe("Health checks, of all workers"),
              checksFailed: z.int().describe("The same of those that it failed"),
              breakerOpens: z.int().describe("Times that its breaker has opened, in all workers"),
              ejections: z.int().describe("Times that it was left out because it failed, in all workers"),
              ewmaMs: z.number().describe("Response time, of the last ones most; 0: not known"),
            })
            .optional()
            .describe("Since the daemon's start; absent: nobody has asked it"),
        }),
      ),
    })
    .optional(),
});
export type UpstreamView = z.infer<typeof upstreamSchema>;

const one = resourceSchemas({ schema: upstreamSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const upstreamSchemas = {
  list: one.list,
  get: one.get,
  create: one.create({ ...ownedFields, spec: z.strictObject({ backends, ...shared }) }),
  update: one.update(
    z.strictObject({
      ...shared,
      backends: backends.optional(),
      sticky: sticky.nullable().optional(),
      upstreamTls: upstreamTls.nullable().optional(),
      ...careChanges,
    }),
  ),
  delete: one.delete,
};
