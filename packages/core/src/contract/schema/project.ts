import { z } from "zod";
import {
  IN_PROJECT,
  nameSchema,
  newFields,
  OUTSIDE_PROJECTS,
  projectSchema,
  resourceSchema,
  resourceSchemas,
} from "../schema.ts";

export const projectResourceSchema = resourceSchema("project", z.strictObject({ description: z.string().max(1024) }));
export const bindingSchema = resourceSchema(
  "binding",
  z.strictObject({ user: z.string().describe("Uid of the user"), role: z.enum(["member", "viewer"]) }),
);

const project = resourceSchemas({ schema: projectResourceSchema, ...OUTSIDE_PROJECTS });

/** What goes in and out, by route. */
export const projectSchemas = {
  list: project.list,
  get: project.get,
  create: project.create({
    ...newFields,
    spec: z.strictObject({ description: z.string().max(1024).optional() }).optional(),
  }),
  delete: project.delete,
};

const binding = resourceSchemas({ schema: bindingSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const bindingSchemas = {
  list: binding.list,
  create: binding.create({ project: projectSchema, user: nameSchema, role: z.enum(["member", "viewer"]) }),
  delete: binding.delete,
};
