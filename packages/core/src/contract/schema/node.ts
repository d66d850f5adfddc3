import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { feedQuery, noParams, noQuery, pageSchema } from "../schema.ts";

export const storageStatusSchema = z.object({
  replicas: z.string().describe("What the copies are really worth, e.g. 3 copies on 1 disk"),
  state: z.enum(["ok", "degraded", "unavailable"]),
  distinctDisks: z.int(),
  objects: z.int(),
  sizeBytes: z.int(),
  garbageChunks: z.int(),
  repairQueue: z.int(),
  unknownFiles: z.int().describe("Replicas on the disks that the index does not know; left alone"),
  lostChunks: z.int().describe("Chunks of objects of which no good copy is left"),
  lostObjects: z
    .array(z.object({ bucket: z.string(), key: z.string() }))
    .describe("Some of the objects that cannot be read for it, of those that you may read"),
  servers: z.array(
    z.object({
      name: z.string(),
      directory: z.string(),
      state: z.enum(["ok", "full", "unavailable"]),
      reason: z.string().optional(),
      device: z.int().optional(),
      freeBytes: z.int().optional(),
      totalBytes: z.int().optional(),
    }),
  ),
});
export type StorageStatusView = z.infer<typeof storageStatusSchema>;

const jobSchema = z.object({
  name: z.string(),
  summary: z.string(),
  state: z.enum(["idle", "running", "backing-off", "stopped"]),
  runs: z.int(),
  failures: z.int(),
  progress: z.string().optional(),
  lastError: z.string().optional(),
  lastRunAt: z.string().optional(),
});

const statusSchema = z.object({
  cluster: z.string(),
  version: z.string(),
  node: z.string(),
  state: z.enum(["ok", "degraded", "draining"]),
  uptimeSeconds: z.int(),
  revision: z.int(),
  storage: z.object({
    replicas: z.string(),
    state: z.enum(["ok", "degraded", "unavailable"]),
    objects: z.int(),
    sizeBytes: z.int(),
  }),
  addresses: z
    .object({ api: z.string(), http: z.string().optional(), https: z.string().optional() })
    .describe("Where the API and the gateway answer"),
  problems: z.array(z.string()).describe("What is not as it should be, in sentences"),
  warnings: z.array(z.string()).optional().describe("What will not be as it should be soon, or needs somebody"),
});

export const auditEntrySchema = z.object({
  time: z.string(),
  requestId: z.string().optional(),
  actor: z.object({ uid: z.string(), name: z.string(), credential: z.string().optional() }),
  action: z.string().describe("Id of the route"),
  target: z.string().optional(),
  outcome: z.enum(["ok", "denied", "failed"]),
  code: z.string().optional(),
  ip: z.string().optional(),
  count: z.int().optional().describe("Denials that were left out in the second before"),
});

const shared = { params: noParams, query: noQuery };

/** What goes in and out, by route. */
export const nodeSchemas = {
  status: { ...shared, output: statusSchema },
  storage: { ...shared, output: storageStatusSchema },
  jobs: { ...shared, query: feedQuery, output: pageSchema(jobSchema) },
  audit: {
    ...shared,
    query: feedQuery.extend({ limit: z.coerce.number().int().min(1).max(LIMITS.auth.maxAuditTail).optional() }),
    output: pageSchema(auditEntrySchema),
  },
  metrics: shared,
  openapi: shared,
  live: shared,
  ready: shared,
};
