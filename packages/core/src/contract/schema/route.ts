import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { IN_PROJECT, nameSchema, noParams, noQuery, ownedFields, resourceSchema, resourceSchemas } from "../schema.ts";

const spec = z.strictObject({
  host: z.string().max(255).optional().describe("Host name, or *.NAME for all below it (operators); cannot be changed"),
  path: z
    .string()
    .max(LIMITS.gateway.maxRoutePath)
    .optional()
    .describe("Prefix of paths, matched by whole segments; default /; cannot be changed"),
  listen: z
    .string()
    .max(300)
    .optional()
    .describe("Instead of host and path, below HTTP: tcp://:PORT; cannot be changed"),
  to: z
    .string()
    .max(2048)
    .describe(
      "Where it leads: http(s)://HOST[:PORT][/BASE], container/NAME:PORT or bucket/NAME; below HTTP tcp://HOST:PORT or container/NAME:PORT",
    ),
});
export const routeSchema = resourceSchema("route", spec).extend({
  status: z
    .object({
      url: z.string().describe("Where it answers on this node"),
      state: z.enum(["ready", "down"]),
      reason: z.string().optional().describe("Why it is down"),
      traffic: z
        .object({
          connections: z.int().describe("That were taken"),
          open: z.int(),
          bytesIn: z.int().describe("From clients"),
          bytesOut: z.int().describe("To clients"),
          failed: z.int().describe("That did not reach the backend"),
          refused: z.int().describe("That were too many"),
        })
        .optional()
        .describe("Below HTTP: what it has carried since the daemon's start"),
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
    spec,
  }),
  update: route.update(spec.partial()),
  delete: route.delete,
};

/** What goes in and out, by route. */
export const authoritySchemas = {
  get: { params: noParams, query: noQuery, output: z.object({ certificate: z.string().describe("PEM") }) },
};
