import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { networkSchemas } from "../schema/network.ts";

export type { NetworkView } from "../schema/network.ts";

const network = resourceRoutes("network", "compute.networks");

export const networkRoutes = defineRoutes<typeof networkSchemas>({
  list: network.list("List the networks that you may see"),
  get: network.get("Show a network"),
  create: network.create("Create a network: containers of one reach one another, of different ones they do not"),
  delete: network.delete("Delete a network that no container has"),
});
