import { z } from "zod";
import { IN_PROJECT, resourceRoutes } from "../resource-routes.ts";
import { ownedFields, resourceSchema } from "../schema.ts";

const volumeSchema = resourceSchema("volume", z.strictObject({}));
export type VolumeView = z.infer<typeof volumeSchema>;

const volume = resourceRoutes({
  kind: "volume",
  permission: "compute.volumes",
  schema: volumeSchema,
  ...IN_PROJECT,
});

export const volumeRoutes = {
  list: volume.list("List the volumes that you may see"),
  get: volume.get("Show a volume"),
  create: volume.create("Create a volume: files that outlive containers", ownedFields),
  delete: volume.delete("Delete a volume with what is in it"),
};
