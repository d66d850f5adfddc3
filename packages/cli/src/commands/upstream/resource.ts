import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { upstreamPresentation } from "@skerry/core/contract/present/upstream.ts";
import { describeResource } from "../resource/descriptor.ts";

export const upstreamResource = describeResource({
  presentation: upstreamPresentation,
  list: upstreamRoutes.list,
  get: upstreamRoutes.get,
  delete: upstreamRoutes.delete,
  rmLoses: "Only one that no route leads to can go.",
  listsByProject: true,
  namedByProject: true,
});
