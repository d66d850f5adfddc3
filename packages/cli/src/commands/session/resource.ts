import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { sessionPresentation } from "@skerry/core/contract/present/session.ts";
import { describeResource } from "../resource/descriptor.ts";

export const sessionResource = describeResource({
  presentation: sessionPresentation,
  list: sessionRoutes.list,
  delete: sessionRoutes.delete,
  param: "uid",
});
