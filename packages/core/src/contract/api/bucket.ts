import { z } from "zod";
import { VISIBILITIES } from "../../domain/objects.ts";
import { IN_CLOUD, resourceRoutes } from "../resource-routes.ts";
import { ownedFields, resourceSchema } from "../schema.ts";

const spec = z.strictObject({
  visibility: z
    .enum(VISIBILITIES)
    .describe("private: who has the permission; visible: every user may read; public: everyone may read"),
});
export const bucketSchema = resourceSchema("bucket", spec).extend({
  status: z.object({ objects: z.int(), sizeBytes: z.int() }).optional(),
});
export type BucketView = z.infer<typeof bucketSchema>;

const bucket = resourceRoutes({
  kind: "bucket",
  permission: "storage.buckets",
  schema: bucketSchema,
  ...IN_CLOUD,
});

export const bucketRoutes = {
  list: bucket.list("List the buckets that you may see"),
  get: bucket.get("Show a bucket"),
  create: bucket.create("Create a bucket", { ...ownedFields, spec: spec.partial().optional() }),
  update: bucket.update("Change a bucket's visibility or labels", spec.partial()),
  delete: bucket.delete("Delete an empty bucket"),
};
