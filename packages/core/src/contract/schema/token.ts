import { z } from "zod";
import { newFields, OUTSIDE_PROJECTS, resourceSchema, resourceSchemas, scopesSchema } from "../schema.ts";

const spec = z.object({
  user: z.string().describe("Uid of the user whose token it is"),
  scopes: scopesSchema.optional().describe("Absent: all that the user may"),
  expiresAt: z.string().optional().describe("Absent: does not expire"),
});
export const tokenSchema = resourceSchema("token", spec).extend({
  status: z.object({ lastUsedAt: z.string().optional() }).optional(),
});
export type TokenView = z.infer<typeof tokenSchema>;

const token = resourceSchemas({ schema: tokenSchema, ...OUTSIDE_PROJECTS });

/** What goes in and out, by route. */
export const tokenSchemas = {
  list: token.list,
  get: token.get,
  create: token.create(
    { ...newFields, scopes: scopesSchema.optional(), expiresInSeconds: z.int().min(1).optional() },
    z.object({ token: tokenSchema, secret: z.string() }),
  ),
  delete: token.delete,
};
