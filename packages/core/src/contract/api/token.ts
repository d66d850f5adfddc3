import { z } from "zod";
import { OUTSIDE_PROJECTS, resourceRoutes } from "../resource-routes.ts";
import { newFields, resourceSchema, scopesSchema } from "../schema.ts";

const spec = z.object({
  user: z.string().describe("Uid of the user whose token it is"),
  scopes: scopesSchema.optional().describe("Absent: all that the user may"),
  expiresAt: z.string().optional().describe("Absent: does not expire"),
});
export const tokenSchema = resourceSchema("token", spec).extend({
  status: z.object({ lastUsedAt: z.string().optional() }).optional(),
});
export type TokenView = z.infer<typeof tokenSchema>;

const token = resourceRoutes({ kind: "token", permission: "auth.tokens", schema: tokenSchema, ...OUTSIDE_PROJECTS });

export const tokenRoutes = {
  list: token.list("List your tokens"),
  get: token.get("Show one of your tokens (never its secret)"),
  create: token.create(
    "Create a token; its secret is shown once",
    { ...newFields, scopes: scopesSchema.optional(), expiresInSeconds: z.int().min(1).optional() },
    z.object({ token: tokenSchema, secret: z.string() }),
  ),
  delete: token.delete("Revoke a token: it is refused at once"),
};
