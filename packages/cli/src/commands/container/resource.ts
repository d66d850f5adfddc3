import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { containerPresentation } from "@skerry/core/contract/present/container.ts";
import { describeResource } from "../resource/descriptor.ts";

export const containerResource = describeResource({
  presentation: containerPresentation,
  list: containerRoutes.list,
  get: containerRoutes.get,
  delete: containerRoutes.delete,
  rmLoses: "It is stopped, and what it wrote outside of volumes is lost.",
  listsByProject: true,
  namedByProject: true,
});
