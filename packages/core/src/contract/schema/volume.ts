import { z } from "zod";
import { IN_PROJECT, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";

const volumeSchema = resourceSchema("volume", z.strictObject({}));
export type VolumeView = z.infer<typeof volumeSchema>;

const volume = resourceSchemas({ schema: volumeSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const volumeSchemas = {
  list: volume.list,
  get: volume.get,
  create: volume.create(ownedFields),
  delete: volume.delete,
};
