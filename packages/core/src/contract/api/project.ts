import { z } from "zod";
import { IN_PROJECT, OUTSIDE_PROJECTS, resourceRoutes } from "../resource-routes.ts";
import { nameSchema, newFields, projectSchema, resourceSchema } from "../schema.ts";

export const projectResourceSchema = resourceSchema("project", z.strictObject({ description: z.string().max(1024) }));
export const bindingSchema = resourceSchema(
  "binding",
  z.strictObject({ user: z.string().describe("Uid of the user"), role: z.enum(["member", "viewer"]) }),
);

const project = resourceRoutes({
  kind: "project",
  permission: "auth.projects",
  schema: projectResourceSchema,
  ...OUTSIDE_PROJECTS,
});
const binding = resourceRoutes({
  kind: "binding",
  permission: "auth.bindings",
  schema: bindingSchema,
  ...IN_PROJECT,
});

export const projectRoutes = {
  list: project.list("List the projects that you may see"),
  get: project.get("Show a project"),
  create: project.create("Create a project for a team", {
    ...newFields,
    spec: z.strictObject({ description: z.string().max(1024).optional() }).optional(),
  }),
  delete: project.delete("Delete an empty project"),
};

export const bindingRoutes = {
  list: binding.list("List who has which role in which project"),
  create: binding.create("Give a user a role in a project (replaces the one before)", {
    project: projectSchema,
    user: nameSchema,
    role: z.enum(["member", "viewer"]),
  }),
  delete: binding.delete("Take a user's role in a project away; the name of a binding is the user's"),
};
