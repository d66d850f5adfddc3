import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { bindingSchemas, projectSchemas } from "../schema/project.ts";

const project = resourceRoutes("project", "auth.projects");
const binding = resourceRoutes("binding", "auth.bindings");

export const projectRoutes = defineRoutes<typeof projectSchemas>({
  list: project.list("List the projects that you may see"),
  get: project.get("Show a project"),
  create: project.create("Create a project for a team"),
  delete: project.delete("Delete an empty project"),
});

export const bindingRoutes = defineRoutes<typeof bindingSchemas>({
  list: binding.list("List who has which role in which project"),
  create: binding.create("Give a user a role in a project (replaces the one before)"),
  delete: binding.delete("Take a user's role in a project away; the name of a binding is the user's"),
});
