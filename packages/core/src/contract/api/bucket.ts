import { z } from "zod";
import { VISIBILITIES } from "../../domain/objects.ts";
import { defineRoute } from "../route.ts";
import {
  dryRunQuery,
  labelsSchema,
  nameParams,
  nameSchema,
  noParams,
  noQuery,
  pageSchema,
  projectListQuery,
  projectSchema,
  resourceSchema,
} from "../schema.ts";

const spec = z.strictObject({
  visibility: z
    .enum(VISIBILITIES)
    .describe("private: who has the permission; visible: every user may read; public: everyone may read"),
});
export const bucketSchema = resourceSchema("bucket", spec).extend({
  status: z.object({ objects: z.int(), sizeBytes: z.int() }).optional(),
});
export type BucketView = z.infer<typeof bucketSchema>;

const shared = { params: nameParams, query: noQuery, kind: "json", status: 200 } as const;

export const bucketRoutes = {
  list: defineRoute({
    id: "bucket.list",
    method: "GET",
    path: "/v1/buckets",
    permission: "storage.buckets:read",
    summary: "List the buckets that you may see",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: projectListQuery,
    output: pageSchema(bucketSchema),
  }),
  get: defineRoute({
    ...shared,
    id: "bucket.get",
    method: "GET",
    path: "/v1/buckets/{name}",
    permission: "storage.buckets:read",
    summary: "Show a bucket",
    output: bucketSchema,
  }),
  create: defineRoute({
    id: "bucket.create",
    method: "POST",
    path: "/v1/buckets",
    permission: "storage.buckets:create",
    summary: "Create a bucket",
    kind: "json",
    status: 201,
    params: noParams,
    query: dryRunQuery,
    body: z.strictObject({
      name: nameSchema,
      project: projectSchema.optional(),
      labels: labelsSchema.optional(),
      spec: spec.partial().optional(),
    }),
    output: bucketSchema,
  }),
  update: defineRoute({
    ...shared,
    id: "bucket.update",
    method: "PUT",
    path: "/v1/buckets/{name}",
    permission: "storage.buckets:update",
    summary: "Change a bucket's visibility or labels",
    query: dryRunQuery,
    body: z.strictObject({
      labels: labelsSchema.optional(),
      spec: spec.partial().optional(),
      revision: z.int().min(1).optional().describe("Refuse when it has changed since"),
    }),
    output: bucketSchema,
  }),
  delete: defineRoute({
    ...shared,
    id: "bucket.delete",
    method: "DELETE",
    path: "/v1/buckets/{name}",
    permission: "storage.buckets:delete",
    summary: "Delete an empty bucket",
    status: 204,
  }),
};
