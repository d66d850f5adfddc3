import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { bucketSchemas } from "../schema/bucket.ts";

export type { BucketView } from "../schema/bucket.ts";

const bucket = resourceRoutes("bucket", "storage.buckets");

export const bucketRoutes = defineRoutes<typeof bucketSchemas>({
  list: bucket.list("List the buckets that you may see"),
  get: bucket.get("Show a bucket"),
  create: bucket.create("Create a bucket"),
  update: bucket.update("Change a bucket's visibility or labels"),
  delete: bucket.delete("Delete an empty bucket"),
});
