import { targetOf } from "@skerry/core/auth/access.ts";
import { backupRoutes } from "@skerry/core/contract/api/backup.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { Services } from "./services.ts";

export function backupHandlers({ backups }: Services) {
  return [
    handle.download(backupRoutes.create, async (call) => {
      call.authorize(targetOf.cloud(), "a backup of the cloud");
      const body = await backups.create(call.signal);
      const headers = { "content-type": "application/octet-stream", "cache-control": "no-store" };
      return { status: 200, headers, body };
    }),
  ];
}
