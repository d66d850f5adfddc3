import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { ipListSchemas } from "../schema/iplist.ts";

export type { IpListView } from "../schema/iplist.ts";

const ipList = resourceRoutes("iplist", "gateway.iplists");
const takesList = true;

export const ipListRoutes = defineRoutes<typeof ipListSchemas>({
  list: ipList.list("List the lists of networks that you may see"),
  get: ipList.get("Show a list of networks"),
  create: { ...ipList.create("Give networks a name, for routes that allow or block them"), takesList },
  update: { ...ipList.update("Put other networks into a list; all routes that name it follow"), takesList },
  delete: ipList.delete("Delete a list of networks that no route names"),
});
