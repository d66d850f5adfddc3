import { z } from "zod";
import { ROLES } from "../../domain/identity.ts";
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
  resourceSchema,
} from "../schema.ts";

const spec = z.strictObject({
  role: z.enum(ROLES).describe("admin: everything; operator: runs the machines; member, viewer: in projects only"),
  disabled: z.boolean(),
});
export const userSchema = resourceSchema("user", spec);
export type UserView = z.infer<typeof userSchema>;

/** The rule for passwords is checked in one place, `auth/`. */
const passwordSchema = z.string().max(1024);
const shared = { params: nameParams, query: noQuery, kind: "json", status: 200 } as const;

export const userRoutes = {
  list: defineRoute({
    id: "user.list",
    method: "GET",
    path: "/v1/users",
    permission: "auth.users:read",
    summary: "List users",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: listQuery,
    output: pageSchema(userSchema),
  }),
  get: defineRoute({
    ...shared,
    id: "user.get",
    method: "GET",
    path: "/v1/users/{name}",
    permission: "auth.users:read",
    summary: "Show a user",
    output: userSchema,
  }),
  create: defineRoute({
    id: "user.create",
    method: "POST",
    path: "/v1/users",
    permission: "auth.users:create",
    summary: "Create a user and a project of the same name; without a password one is made and shown once",
    kind: "json",
    status: 201,
    params: noParams,
    query: dryRunQuery,
    body: z.strictObject({
      name: nameSchema,
      labels: labelsSchema.optional(),
      spec: z.strictObject({ role: z.enum(ROLES).optional() }).optional(),
      password: passwordSchema.optional(),
    }),
    output: z.object({ user: userSchema, password: z.string().optional().describe("Only when it was made here") }),
  }),
  update: defineRoute({
    ...shared,
    id: "user.update",
    method: "PUT",
    path: "/v1/users/{name}",
    permission: "auth.users:update",
    summary: "Change a user's role or labels, disable or enable",
    query: dryRunQuery,
    body: z.strictObject({
      labels: labelsSchema.optional(),
      spec: spec.partial().optional(),
      revision: z.int().min(1).optional(),
    }),
    output: userSchema,
  }),
  delete: defineRoute({
    ...shared,
    id: "user.delete",
    method: "DELETE",
    path: "/v1/users/{name}",
    permission: "auth.users:delete",
    summary: "Delete a user with the empty project of the same name, sessions and tokens",
    status: 204,
  }),
  password: defineRoute({
    ...shared,
    id: "user.password",
    method: "POST",
    path: "/v1/users/{name}/password",
    permission: "auth.passwords:update",
    summary: "Set a password; your own needs the current one. Other sessions of the user end",
    status: 204,
    body: z.strictObject({ password: passwordSchema, current: passwordSchema.optional() }),
  }),
};
