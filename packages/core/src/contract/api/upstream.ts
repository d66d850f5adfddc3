import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { upstreamSchemas } from "../schema/upstream.ts";

export type { UpstreamView } from "../schema/upstream.ts";

const upstream = resourceRoutes("upstream", "gateway.upstreams");

export const upstreamRoutes = defineRoutes<typeof upstreamSchemas>({
  list: upstream.list("List the upstreams that you may see"),
  get: upstream.get("Show an upstream, and how its backends are"),
  create: upstream.create("Put several backends under one name that routes lead to"),
  update: upstream.update("Change an upstream; requests that come from now on are spread so"),
  delete: upstream.delete("Delete an upstream that no route leads to"),
});
