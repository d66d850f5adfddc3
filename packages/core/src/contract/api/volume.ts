import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { volumeSchemas } from "../schema/volume.ts";

export type { VolumeView } from "../schema/volume.ts";

const volume = resourceRoutes("volume", "compute.volumes");

export const volumeRoutes = defineRoutes<typeof volumeSchemas>({
  list: volume.list("List the volumes that you may see"),
  get: volume.get("Show a volume"),
  create: volume.create("Create a volume: files that outlive containers"),
  delete: volume.delete("Delete a volume with what is in it"),
});
