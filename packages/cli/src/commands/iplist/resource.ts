import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { ipListPresentation } from "@skerry/core/contract/present/iplist.ts";
import { describeResource } from "../resource/descriptor.ts";

export const ipListResource = describeResource({
  presentation: ipListPresentation,
  list: ipListRoutes.list,
  get: ipListRoutes.get,
  delete: ipListRoutes.delete,
  rmLoses: "Its networks are in no other place.",
  listsByProject: true,
  namedByProject: true,
});
