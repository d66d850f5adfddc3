import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { authoritySchemas, routeSchemas } from "../schema/route.ts";

export type { RouteView } from "../schema/route.ts";

const route = resourceRoutes("route", "gateway.routes");

export const routeRoutes = defineRoutes<typeof routeSchemas>({
  list: route.list("List the routes that you may see"),
  get: route.get("Show a route"),
  create: route.create("Publish something under a host name"),
  update: route.update("Change where a route leads, or its labels"),
  delete: route.delete("Delete a route; the last one to a host name frees the name"),
  purge: {
    id: "route.purge",
    method: "POST",
    path: "/v1/routes/{name}/purge",
    permission: "gateway.routes:update",
    summary: "Forget what the gateway keeps of a route's answers",
    kind: "json",
    status: 204,
  },
  canary: {
    id: "route.canary",
    method: "POST",
    path: "/v1/routes/{name}/canary",
    permission: "gateway.routes:update",
    summary: "Start, pause, resume, promote or abort the canary of a route",
    kind: "json",
    status: 200,
  },
  switch: {
    id: "route.switch",
    method: "POST",
    path: "/v1/routes/{name}/switch",
    permission: "gateway.routes:update",
    summary: "Lead a route elsewhere, or back; when it answers, all workers do",
    kind: "json",
    status: 200,
  },
  ticket: {
    id: "route.ticket",
    method: "POST",
    path: "/v1/routes/ticket",
    permission: "gateway.routes:read",
    summary: "Give a ticket with which answers of the gateway say which route of a project has decided",
    kind: "json",
    status: 200,
  },
  explain: {
    id: "route.explain",
    method: "POST",
    path: "/v1/routes/explain",
    permission: "gateway.routes:read",
    summary: "Tell step by step which route a request takes, and why",
    kind: "json",
    status: 200,
  },
});

export const authorityRoutes = defineRoutes<typeof authoritySchemas>({
  get: {
    id: "authority.get",
    method: "GET",
    path: "/v1/authority",
    permission: "anyone",
    summary: "Show the certificate that clients of the gateway must trust",
    kind: "json",
    status: 200,
  },
});
