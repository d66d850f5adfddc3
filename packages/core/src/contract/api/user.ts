import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { userSchemas } from "../schema/user.ts";

export type { UserView } from "../schema/user.ts";

const user = resourceRoutes("user", "auth.users");

export const userRoutes = defineRoutes<typeof userSchemas>({
  list: user.list("List users"),
  get: user.get("Show a user"),
  create: user.create("Create a user and a project of the same name; without a password one is made and shown once"),
  update: user.update("Change a user's role or labels, disable or enable"),
  delete: user.delete("Delete a user with the empty project of the same name, sessions and tokens"),
  password: {
    id: "user.password",
    kind: "json",
    method: "POST",
    path: "/v1/users/{name}/password",
    permission: "auth.passwords:update",
    summary: "Set a password; your own needs the current one. Other sessions of the user end",
    status: 204,
  },
});
