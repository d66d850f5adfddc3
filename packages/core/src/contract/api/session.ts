import { defineRoutes } from "../route.ts";
import type { sessionSchemas } from "../schema/session.ts";

export const sessionRoutes = defineRoutes<typeof sessionSchemas>({
  create: {
    id: "session.create",
    method: "POST",
    path: "/v1/sessions",
    permission: "anyone",
    summary: "Log in with name and password",
    kind: "json",
    status: 201,
  },
  list: {
    id: "session.list",
    method: "GET",
    path: "/v1/sessions",
    permission: "auth.sessions:read",
    summary: "List your sessions",
    kind: "list",
    watch: true,
    status: 200,
  },
  delete: {
    id: "session.delete",
    method: "DELETE",
    path: "/v1/sessions/{uid}",
    permission: "auth.sessions:delete",
    summary: "End one of your sessions; `current` is the one you ask with",
    kind: "json",
    status: 204,
  },
  whoami: {
    id: "whoami",
    method: "GET",
    path: "/v1/whoami",
    permission: "self",
    summary: "Show who you are and with which credential",
    kind: "json",
    status: 200,
  },
});
