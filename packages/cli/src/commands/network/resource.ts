import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { networkPresentation } from "@skerry/core/contract/present/network.ts";
import { describeResource } from "../resource/descriptor.ts";

export const networkResource = describeResource({
  presentation: networkPresentation,
  list: networkRoutes.list,
  get: networkRoutes.get,
  delete: networkRoutes.delete,
  listsByProject: true,
  namedByProject: true,
});
