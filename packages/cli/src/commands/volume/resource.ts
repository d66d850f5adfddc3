import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import { volumePresentation } from "@skerry/core/contract/present/volume.ts";
import { describeResource } from "../resource/descriptor.ts";

export const volumeResource = describeResource({
  presentation: volumePresentation,
  list: volumeRoutes.list,
  get: volumeRoutes.get,
  delete: volumeRoutes.delete,
  rmLoses: "What is in it is lost.",
  listsByProject: true,
  namedByProject: true,
});
