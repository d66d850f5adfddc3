import { stat } from "node:fs/promises";
import { join } from "node:path";
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import { escapeText } from "../../output/escape.ts";
import { defineCommand } from "../command.ts";
import { formatSummary } from "./summary.ts";

export default defineCommand({
  usage: "FILE",
  args: [1, 1],
  options: {
    data: { type: "string", describe: "Data directory of the stopped daemon (also the variable SKERRY_DATA)" },
    config: { type: "string", describe: "Configuration file of the daemon (also the variable SKERRY_CONFIG)" },
    force: { type: "boolean", describe: "Also where there is data: it is kept beside, in replaced-*" },
  },
  example: "backup restore skerry-2026-08-02.backup --data /var/lib/skerry",
  details:
    "Works without a login, while the daemon is down. Nothing is replaced before all of the backup has been looked at. " +
    "What was revoked or changed since is as it was then: tokens, passwords, bindings.",
  async run({ terminal, output }, { args, flags }) {
    const { restoreBackup } = await import("@skerry/daemon/backup/restore.ts");
    const argv = (["data", "config"] as const).flatMap((name) => {
      const value = flags[name];
      return value === undefined ? [] : [`--${name}`, value];
    });
    const restored = await restoreBackup({ file: args[0] ?? "", argv, env: terminal.env, force: flags.force });
    output.note("Tokens and passwords are those of the backup: revoke again what was revoked since.");
    const own = join(restored.dataDirectory, "storage");
    const elsewhere = flags.config !== undefined || Boolean(terminal.env["SKERRY_STORAGE_DIRS"]);
    if (!elsewhere && (await stat(own).catch(() => undefined)) === undefined) {
      output.warn(
        `The objects' content is not in a backup, and ${own} is not there: before the daemon starts, put the directory ` +
          `storage of the old data directory in its place (cp -a OLD/storage ${own}), or name where the replicas lie: ` +
          "skerry up --storage-dir DIR,DIR,DIR. Volumes and images of containers are with the container engine.",
      );
    }
    const { lost } = restored;
    if (lost.chunks > 0) {
      const what = lost.chunks === 1 ? "1 chunk" : `${lost.chunks} chunks`;
      const some = lost.objects.map(({ bucket, key }) => `${bucket}:${key}`).join(", ");
      output.warn(
        `${what} (${formatBytes(lost.sizeBytes)}) of its objects ${lost.chunks === 1 ? "is" : "are"} on no disk here; among ` +
          `the objects that cannot be read: ${some}. What was deleted since the backup is gone: skerry rm removes its name. ` +
          "When a disk is away, mount it. skerry status tells of those that are left.",
      );
    }
    await output.value(restored, restored.dataDirectory, () => {
      const kept = restored.kept === undefined ? "" : `What was there before lies in ${escapeText(restored.kept)}\n`;
      const start = flags.data === undefined ? "skerry up" : `skerry up --data ${restored.dataDirectory}`;
      const done = `${restored.dataDirectory} is restored. Start the daemon: ${start}`;
      return `${escapeText(done)}\n${kept}${formatSummary(restored)}`;
    });
  },
});
