import { z } from "zod";
import { ROLES } from "../../domain/identity.ts";
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

/** What goes in and out, by route. */
export const sessionSchemas = {
  create: {
    params: noParams,
    query: noQuery,
    body: z.strictObject({ name: z.string().max(256), password: z.string().max(1024) }),
    output: z.object({ token: z.string(), expiresAt: z.string(), userName: z.string() }),
  },
  list: { params: noParams, query: listQuery, output: pageSchema(sessionSchema) },
  delete: { params: z.strictObject({ uid: z.string().max(64) }), query: noQuery },
  whoami: { params: noParams, query: noQuery, output: principalSchema },
};
