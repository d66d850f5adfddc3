import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { userPresentation } from "@skerry/core/contract/present/user.ts";
import { describeResource } from "../resource/descriptor.ts";

export const userResource = describeResource({
  presentation: userPresentation,
  list: userRoutes.list,
  get: userRoutes.get,
  delete: userRoutes.delete,
  rmLoses: "Sessions and tokens end at once; the own project goes with it.",
});
