import { z } from "zod";
import { ROLES } from "../../domain/identity.ts";
import { OUTSIDE_PROJECTS, resourceRoutes } from "../resource-routes.ts";
import { defineRoute } from "../route.ts";
import { nameParams, newFields, noQuery, resourceSchema } from "../schema.ts";

const spec = z.strictObject({
  role: z.enum(ROLES).describe("admin: everything; operator: runs the machines; member, viewer: in projects only"),
  disabled: z.boolean(),
});
export const userSchema = resourceSchema("user", spec);
export type UserView = z.infer<typeof userSchema>;

/** The rule for passwords is checked in one place, `auth/`. */
const passwordSchema = z.string().max(1024);
const user = resourceRoutes({ kind: "user", permission: "auth.users", schema: userSchema, ...OUTSIDE_PROJECTS });

export const userRoutes = {
  list: user.list("List users"),
  get: user.get("Show a user"),
  create: user.create(
    "Create a user and a project of the same name; without a password one is made and shown once",
    {
      ...newFields,
      spec: z.strictObject({ role: z.enum(ROLES).optional() }).optional(),
      password: passwordSchema.optional(),
    },
    z.object({ user: userSchema, password: z.string().optional().describe("Only when it was made here") }),
  ),
  update: user.update("Change a user's role or labels, disable or enable", spec.partial()),
  delete: user.delete("Delete a user with the empty project of the same name, sessions and tokens"),
  password: defineRoute({
    id: "user.password",
    method: "POST",
    path: "/v1/users/{name}/password",
    permission: "auth.passwords:update",
    summary: "Set a password; your own needs the current one. Other sessions of the user end",
    kind: "json",
    params: nameParams,
    query: noQuery,
    status: 204,
    body: z.strictObject({ password: passwordSchema, current: passwordSchema.optional() }),
  }),
};
