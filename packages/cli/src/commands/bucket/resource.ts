import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { bucketPresentation } from "@skerry/core/contract/present/bucket.ts";
import { describeResource } from "../resource/descriptor.ts";

export const bucketResource = describeResource({
  presentation: bucketPresentation,
  list: bucketRoutes.list,
  get: bucketRoutes.get,
  delete: bucketRoutes.delete,
  rmLoses: "Its name is free then; only an empty one goes.",
  listsByProject: true,
});
