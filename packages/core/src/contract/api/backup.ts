import { defineRoute } from "../route.ts";
import { noParams, noQuery } from "../schema.ts";

export const backupRoutes = {
  create: defineRoute({
    id: "backup.create",
    method: "POST",
    path: "/v1/backups",
    permission: "node.backups:create",
    summary: "A backup of everything declared and of the object index, as of one moment; not of the objects' content",
    kind: "download",
    status: 200,
    params: noParams,
    query: noQuery,
  }),
};
