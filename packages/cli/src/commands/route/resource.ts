import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { routePresentation } from "@skerry/core/contract/present/route.ts";
import { describeResource } from "../resource/descriptor.ts";
import { assertRouteName } from "./name.ts";

export const routeResource = describeResource({
  presentation: routePresentation,
  list: routeRoutes.list,
  get: routeRoutes.get,
  delete: routeRoutes.delete,
  rmLoses: "What it publishes is not reached any more.",
  assertName: assertRouteName,
  listsByProject: true,
  namedByProject: true,
});
