import { z } from "zod";
import { defineRoute } from "../route.ts";
import {
  labelsSchema,
  listQuery,
  nameParams,
  nameSchema,
  noParams,
  noQuery,
  pageSchema,
  resourceSchema,
  scopesSchema,
} from "../schema.ts";

const spec = z.object({
  user: z.string().describe("Uid of the user whose token it is"),
  scopes: scopesSchema.optional().describe("Absent: all that the user may"),
  expiresAt: z.string().optional().describe("Absent: does not expire"),
});
export const tokenSchema = resourceSchema("token", spec).extend({
  status: z.object({ lastUsedAt: z.string().optional() }).optional(),
});
export type TokenView = z.infer<typeof tokenSchema>;

const shared = { params: nameParams, query: noQuery, kind: "json", status: 200 } as const;

export const tokenRoutes = {
  list: defineRoute({
    id: "token.list",
    method: "GET",
    path: "/v1/tokens",
    permission: "auth.tokens:read",
    summary: "List your tokens",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: listQuery,
    output: pageSchema(tokenSchema),
  }),
  get: defineRoute({
    ...shared,
    id: "token.get",
    method: "GET",
    path: "/v1/tokens/{name}",
    permission: "auth.tokens:read",
    summary: "Show one of your tokens (never its secret)",
    output: tokenSchema,
  }),
  create: defineRoute({
    id: "token.create",
    method: "POST",
    path: "/v1/tokens",
    permission: "auth.tokens:create",
    summary: "Create a token; its secret is shown once",
    kind: "json",
    status: 201,
    params: noParams,
    query: noQuery,
    body: z.strictObject({
      name: nameSchema,
      labels: labelsSchema.optional(),
      scopes: scopesSchema.optional(),
      expiresInSeconds: z.int().min(1).optional(),
    }),
    output: z.object({ token: tokenSchema, secret: z.string() }),
  }),
  delete: defineRoute({
    ...shared,
    id: "token.delete",
    method: "DELETE",
    path: "/v1/tokens/{name}",
    permission: "auth.tokens:delete",
    summary: "Revoke a token: it is refused at once",
    status: 204,
  }),
};
