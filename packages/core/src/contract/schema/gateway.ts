import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { labelsSchema, nameSchema, noParams, noQuery, projectQuery, projectSchema } from "../schema.ts";

const { maxChanges, maxGenerations, maxSamples } = LIMITS.history;

const kind = z.enum(["route", "upstream", "certificate", "iplist"]);
const generation = z.int().min(0).describe("Number of a generation; 0 is what was there before the first");
const change = z.strictObject({
  kind,
  name: nameSchema,
  delete: z.boolean().optional().describe("It is to go"),
  labels: labelsSchema.optional(),
  spec: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("As in a create, or of what is there already as in an update"),
});
const sample = z.strictObject({
  method: z.string().max(64),
  url: z.string().max(16_384).describe("http(s)://HOST/PATH?QUERY, or without the scheme"),
  headers: z
    .array(z.strictObject({ name: z.string().min(1).max(256), value: z.string().max(16_384) }))
    .max(LIMITS.proxy.maxHeaders)
    .optional(),
  client: z.string().max(64).optional().describe("Address that it comes from"),
});

const changes = z.array(change).min(1).max(maxChanges).describe("Made in their order, as one");
const newest = z.int().min(0).optional().describe("Refuse when the newest generation is another");

const changeView = z.object({
  kind,
  name: z.string(),
  result: z.enum(["created", "updated", "deleted"]),
  before: z.record(z.string(), z.unknown()).optional().describe("Spec, without secrets; absent: it was not there"),
  after: z.record(z.string(), z.unknown()).optional().describe("Spec, without secrets; absent: it is gone"),
});
export type GatewayChangeView = z.infer<typeof changeView>;

const decision = z.object({
  state: z.enum(["route", "refused", "none"]).describe("refused: by the gateway itself, or by the route"),
  route: z.string().optional(),
  text: z.string(),
});
const previewView = z.object({
  generation: z.int().describe("The newest, on which this builds"),
  changes: z.array(changeView).describe("What differs from what is there"),
  requests: z.object({
    looked: z.int().describe("Requests that were looked at"),
    changed: z.int().describe("Of them, those that get another route, target or answer"),
    settings: z.int().describe("Those that go where they went, by a route of which something else changes"),
    unsure: z
      .int()
      .describe("Of the access log, those that cannot be told: it keeps neither query nor headers, by which they went"),
  }),
  told: z.array(
    z.object({
      from: z.enum(["log", "given"]),
      count: z.int().describe("Requests that are the same in all that the gateway looks at"),
      method: z.string(),
      url: z.string().describe("Without its query"),
      before: decision,
      after: decision,
    }),
  ),
  untold: z.int().describe("Distinct requests that change and are left out here"),
});
export type PreviewView = z.infer<typeof previewView>;

const generationView = z.object({
  generation: z.int(),
  time: z.string(),
  author: z.object({ uid: z.string(), name: z.string() }),
  action: z.string().describe("Id of the route of the API by which it was made"),
  requestId: z.string().optional().describe("As in the audit log"),
  backTo: z.int().optional().describe("The generation that was gone back to"),
  changes: z.array(changeView.pick({ kind: true, name: true, result: true })).describe("Of what you may see"),
});
export type GenerationView = z.infer<typeof generationView>;

const done = z.object({ generation: z.int().describe("The newest now"), changes: z.array(changeView) });

/** What goes in and out, by route. */
export const gatewaySchemas = {
  preview: {
    params: noParams,
    query: noQuery,
    body: z.strictObject({
      project: projectSchema.optional(),
      changes: changes.optional(),
      backTo: generation.optional().describe("Instead of changes: a rollback to this generation"),
      samples: z
        .array(sample)
        .max(maxSamples)
        .optional()
        .describe("Requests to look at, besides those of the access log"),
      log: z.boolean().optional().describe("false: the access log is left out"),
    }),
    output: previewView,
  },
  history: {
    params: noParams,
    query: projectQuery.extend({
      limit: z.coerce.number().int().min(1).max(maxGenerations).optional(),
      before: z.coerce.number().int().min(1).optional().describe("Only generations before this one"),
    }),
    output: z.object({
      items: z.array(generationView),
      newest: z.int(),
      oldest: z.int().describe("The oldest that is kept"),
    }),
  },
  generation: {
    params: z.strictObject({ generation: z.coerce.number().int().min(1) }),
    query: projectQuery,
    output: generationView.extend({ changes: z.array(changeView) }),
  },
  change: {
    params: noParams,
    query: noQuery,
    body: z.strictObject({ project: projectSchema.optional(), changes, newest }),
    output: done,
  },
  rollback: {
    params: noParams,
    query: noQuery,
    body: z.strictObject({
      project: projectSchema.optional(),
      backTo: generation,
      newest,
    }),
    output: done,
  },
};
