import { z } from "zod";
import { ROLES } from "../../domain/identity.ts";
import { defineRoute } from "../route.ts";
import { listQuery, noParams, noQuery, pageSchema, resourceSchema } from "../schema.ts";

export const sessionSchema = resourceSchema("session", z.object({ user: z.string(), expiresAt: z.string() })).extend({
  current: z.boolean().optional(),
});

const principalSchema = z.object({
  userUid: z.string(),
  userName: z.string(),
  role: z.enum([...ROLES, "none"]),
  projectUid: z.string(),
  credential: z.object({ kind: z.enum(["session", "token"]), uid: z.string(), name: z.string() }).optional(),
});

export const sessionRoutes = {
  create: defineRoute({
    id: "session.create",
    method: "POST",
    path: "/v1/sessions",
    permission: "anyone",
    summary: "Log in with name and password",
    kind: "json",
    status: 201,
    params: noParams,
    query: noQuery,
    body: z.strictObject({ name: z.string().max(256), password: z.string().max(1024) }),
    output: z.object({ token: z.string(), expiresAt: z.string(), userName: z.string() }),
  }),
  list: defineRoute({
    id: "session.list",
    method: "GET",
    path: "/v1/sessions",
    permission: "auth.sessions:read",
    summary: "List your sessions",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: listQuery,
    output: pageSchema(sessionSchema),
  }),
  delete: defineRoute({
    id: "session.delete",
    method: "DELETE",
    path: "/v1/sessions/{uid}",
    permission: "auth.sessions:delete",
    summary: "End one of your sessions; `current` is the one you ask with",
    kind: "json",
    status: 204,
    params: z.strictObject({ uid: z.string().max(64) }),
    query: noQuery,
  }),
  whoami: defineRoute({
    id: "whoami",
    method: "GET",
    path: "/v1/whoami",
    permission: "self",
    summary: "Show who you are and with which credential",
    kind: "json",
    status: 200,
    params: noParams,
    query: noQuery,
    output: principalSchema,
  }),
};
