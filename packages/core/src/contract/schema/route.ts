import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { IN_PROJECT, nameSchema, noParams, noQuery, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";

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

const route = resourceSchemas({ schema: routeSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const routeSchemas = {
  list: route.list,
  get: route.get,
  create: route.create({
    ...ownedFields,
    name: nameSchema.optional().describe("Default: made of host and path"),
    spec: spec.partial({ path: true }),
  }),
  update: route.update(spec.partial()),
  delete: route.delete,
};

/** What goes in and out, by route. */
export const authoritySchemas = {
  get: { params: noParams, query: noQuery, output: z.object({ certificate: z.string().describe("PEM") }) },
};
