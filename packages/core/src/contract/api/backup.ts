import { defineRoutes } from "../route.ts";
import type { backupSchemas } from "../schema/backup.ts";

export const backupRoutes = defineRoutes<typeof backupSchemas>({
  create: {
    id: "backup.create",
    method: "POST",
    path: "/v1/backups",
    permission: "node.backups:create",
    summary: "A backup of everything declared and of the object index, as of one moment; not of the objects' content",
    kind: "download",
    status: 200,
  },
});
