import { bindingRoutes } from "@skerry/core/contract/api/project.ts";
import { bindingPresentation } from "@skerry/core/contract/present/project.ts";
import { describeResource } from "../resource/descriptor.ts";

export const bindingResource = describeResource({
  presentation: bindingPresentation,
  list: bindingRoutes.list,
  delete: bindingRoutes.delete,
  listsByProject: true,
  namedByProject: true,
  rmExample: "binding rm alice --project web",
});
