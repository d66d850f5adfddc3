import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { tokenSchemas } from "../schema/token.ts";

export type { TokenView } from "../schema/token.ts";

const token = resourceRoutes("token", "auth.tokens");

export const tokenRoutes = defineRoutes<typeof tokenSchemas>({
  list: token.list("List your tokens"),
  get: token.get("Show one of your tokens (never its secret)"),
  create: token.create("Create a token; its secret is shown once"),
  delete: token.delete("Revoke a token: it is refused at once"),
});
