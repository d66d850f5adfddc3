import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { tokenPresentation } from "@skerry/core/contract/present/token.ts";
import { describeResource } from "../resource/descriptor.ts";
import { nameScopes } from "./scope-names.ts";

export const tokenResource = describeResource({
  presentation: tokenPresentation,
  list: tokenRoutes.list,
  get: tokenRoutes.get,
  delete: tokenRoutes.delete,
  rmLoses: "What uses it is refused at once.",
  readable: nameScopes,
});
