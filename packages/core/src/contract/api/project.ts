import { z } from "zod";
import { defineRoute } from "../route.ts";
import {
  dryRunQuery,
  labelsSchema,
  listQuery,
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

export const projectResourceSchema = resourceSchema("project", z.strictObject({ description: z.string().max(1024) }));
export const bindingSchema = resourceSchema(
  "binding",
  z.strictObject({ user: z.string().describe("Uid of the user"), role: z.enum(["member", "viewer"]) }),
);

const shared = { params: nameParams, query: noQuery, kind: "json", status: 200 } as const;

export const projectRoutes = {
  list: defineRoute({
    id: "project.list",
    method: "GET",
    path: "/v1/projects",
    permission: "auth.projects:read",
    summary: "List the projects that you may see",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: listQuery,
    output: pageSchema(projectResourceSchema),
  }),
  get: defineRoute({
    ...shared,
    id: "project.get",
    method: "GET",
    path: "/v1/projects/{name}",
    permission: "auth.projects:read",
    summary: "Show a project",
    output: projectResourceSchema,
  }),
  create: defineRoute({
    id: "project.create",
    method: "POST",
    path: "/v1/projects",
    permission: "auth.projects:create",
    summary: "Create a project for a team",
    kind: "json",
    status: 201,
    params: noParams,
    query: dryRunQuery,
    body: z.strictObject({
      name: nameSchema,
      labels: labelsSchema.optional(),
      spec: z.strictObject({ description: z.string().max(1024).optional() }).optional(),
    }),
    output: projectResourceSchema,
  }),
  delete: defineRoute({
    ...shared,
    id: "project.delete",
    method: "DELETE",
    path: "/v1/projects/{name}",
    permission: "auth.projects:delete",
    summary: "Delete an empty project",
    status: 204,
  }),
};

export const bindingRoutes = {
  list: defineRoute({
    id: "binding.list",
    method: "GET",
    path: "/v1/bindings",
    permission: "auth.bindings:read",
    summary: "List who has which role in which project",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: projectListQuery,
    output: pageSchema(bindingSchema),
  }),
  create: defineRoute({
    id: "binding.create",
    method: "POST",
    path: "/v1/bindings",
    permission: "auth.bindings:create",
    summary: "Give a user a role in a project (replaces the one before)",
    kind: "json",
    status: 201,
    params: noParams,
    query: noQuery,
    body: z.strictObject({ project: projectSchema, user: nameSchema, role: z.enum(["member", "viewer"]) }),
    output: bindingSchema,
  }),
  delete: defineRoute({
    id: "binding.delete",
    method: "DELETE",
    path: "/v1/bindings/{name}",
    permission: "auth.bindings:delete",
    summary: "Take a user's role in a project away; the name of a binding is the user's",
    kind: "json",
    status: 204,
    params: nameParams,
    query: projectQuery,
  }),
};
