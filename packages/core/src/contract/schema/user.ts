import { z } from "zod";
import { ROLES } from "../../domain/identity.ts";
import { nameParams, newFields, noQuery, OUTSIDE_PROJECTS, resourceSchema, resourceSchemas } from "../schema.ts";

const spec = z.strictObject({
  role: z.enum(ROLES).describe("admin: everything; operator: runs the machines; member, viewer: in projects only"),
  disabled: z.boolean(),
});
export const userSchema = resourceSchema("user", spec);
export type UserView = z.infer<typeof userSchema>;

/** The rule for passwords is checked in one place, `auth/`. */
const passwordSchema = z.string().max(1024);

const user = resourceSchemas({ schema: userSchema, ...OUTSIDE_PROJECTS });

/** What goes in and out, by route. */
export const userSchemas = {
  list: user.list,
  get: user.get,
  create: user.create(
    {
      ...newFields,
      spec: z.strictObject({ role: z.enum(ROLES).optional() }).optional(),
      password: passwordSchema.optional(),
    },
    z.object({ user: userSchema, password: z.string().optional().describe("Only when it was made here") }),
  ),
  update: user.update(spec.partial()),
  delete: user.delete,
  password: {
    params: nameParams,
    query: noQuery,
    body: z.strictObject({ password: passwordSchema, current: passwordSchema.optional() }),
  },
};
