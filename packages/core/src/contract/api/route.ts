import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { defineRoute } from "../route.ts";
import {
  labelsSchema,
  nameParams,
  nameSchema,
  noParams,
  noQuery,
  pageSchema,
  projectListQuery,
  projectQuery,
  projectSchema,
  resourceSchema,
} from "../schema.ts";

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

const shared = { params: nameParams, query: projectQuery, kind: "json", status: 200 } as const;

export const routeRoutes = {
  list: defineRoute({
    id: "route.list",
    method: "GET",
    path: "/v1/routes",
    permission: "gateway.routes:read",
    summary: "List the routes that you may see",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: projectListQuery,
    output: pageSchema(routeSchema),
  }),
  get: defineRoute({
    ...shared,
    id: "route.get",
    method: "GET",
    path: "/v1/routes/{name}",
    permission: "gateway.routes:read",
    summary: "Show a route",
    output: routeSchema,
  }),
  create: defineRoute({
    id: "route.create",
    method: "POST",
    path: "/v1/routes",
    permission: "gateway.routes:create",
    summary: "Publish something under a host name",
    kind: "json",
    status: 201,
    params: noParams,
    query: noQuery,
    body: z.strictObject({
      name: nameSchema.optional().describe("Default: made of host and path"),
      project: projectSchema.optional(),
      labels: labelsSchema.optional(),
      spec: spec.partial({ path: true }),
    }),
    output: routeSchema,
  }),
  update: defineRoute({
    ...shared,
    id: "route.update",
    method: "PUT",
    path: "/v1/routes/{name}",
    permission: "gateway.routes:update",
    summary: "Change where a route leads, or its labels",
    body: z.strictObject({
      labels: labelsSchema.optional(),
      spec: spec.partial().optional(),
      revision: z.int().min(1).optional().describe("Refuse when it has changed since"),
    }),
    output: routeSchema,
  }),
  delete: defineRoute({
    ...shared,
    id: "route.delete",
    method: "DELETE",
    path: "/v1/routes/{name}",
    permission: "gateway.routes:delete",
    summary: "Delete a route; the last one to a host name frees the name",
    status: 204,
  }),
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
