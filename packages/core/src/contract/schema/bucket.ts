import { z } from "zod";
import { VISIBILITIES } from "../../domain/objects.ts";
import { IN_CLOUD, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";

const spec = z.strictObject({
  visibility: z
    .enum(VISIBILITIES)
    .describe("private: who has the permission; visible: every user may read; public: everyone may read"),
});
export const bucketSchema = resourceSchema("bucket", spec).extend({
  status: z.object({ objects: z.int(), sizeBytes: z.int() }).optional(),
});
export type BucketView = z.infer<typeof bucketSchema>;

const bucket = resourceSchemas({ schema: bucketSchema, ...IN_CLOUD });

/** What goes in and out, by route. */
export const bucketSchemas = {
  list: bucket.list,
  get: bucket.get,
  create: bucket.create({ ...ownedFields, spec: spec.partial().optional() }),
  update: bucket.update(spec.partial()),
  delete: bucket.delete,
};
