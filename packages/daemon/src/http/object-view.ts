import type { ObjectView } from "@skerry/core/contract/api/object.ts";
import type { ObjectInfo } from "@skerry/core/domain/objects.ts";

/** With the name of its bucket instead of the uid. */
export function toObjectView(info: ObjectInfo, bucketName: string): ObjectView {
  return { ...info, bucket: bucketName, metadata: { ...info.metadata } };
}
