import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { projectPresentation } from "@skerry/core/contract/present/project.ts";
import { describeResource } from "../resource/descriptor.ts";

export const projectResource = describeResource({
  presentation: projectPresentation,
  list: projectRoutes.list,
  get: projectRoutes.get,
  delete: projectRoutes.delete,
  rmLoses: "Only an empty one goes.",
});
