import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { IN_PROJECT, resourceRoutes } from "../resource-routes.ts";
import { defineRoute } from "../route.ts";
import { nameSchema, noParams, noQuery, ownedFields, resourceSchema } from "../schema.ts";

const spec = z.strictObject({
  host: z.string().max(255).describe("Host name, or *.NAME for all below it (operators); cannot be changed"),
  path: z
    .string()
    .max(LIMITS.gateway.maxRoutePath)
    .describe("Prefix of paths, matched by whole segments; default /; cannot be changed"),
  to: z.string().max(2048).describe("Where it leads: http(s)://HOST[:PORT][/BASE], container/NAME:PORT or bucket/NAME"),
});
export const routeSchema = resourceSchema("route", spec).extend({
  status: z
    .object({
      url: z.string().describe("Where it answers on this node"),
      state: z.enum(["ready", "down"]),
      reason: z.string().optional().describe("Why it is down"),
    })
    .optional(),
});
export type RouteView = z.infer<typeof routeSchema>;

const route = resourceRoutes({
  kind: "route",
  permission: "gateway.routes",
  schema: routeSchema,
  ...IN_PROJECT,
});

export const routeRoutes = {
  list: route.list("List the routes that you may see"),
  get: route.get("Show a route"),
  create: route.create("Publish something under a host name", {
    ...ownedFields,
    name: nameSchema.optional().describe("Default: made of host and path"),
    spec: spec.partial({ path: true }),
  }),
  update: route.update("Change where a route leads, or its labels", spec.partial()),
  delete: route.delete("Delete a route; the last one to a host name frees the name"),
};

export const authorityRoutes = {
  get: defineRoute({
    id: "authority.get",
    method: "GET",
    path: "/v1/authority",
    permission: "anyone",
    summary: "Show the certificate that clients of the gateway must trust",
    kind: "json",
    status: 200,
    params: noParams,
    query: noQuery,
    output: z.object({ certificate: z.string().describe("PEM") }),
  }),
};
