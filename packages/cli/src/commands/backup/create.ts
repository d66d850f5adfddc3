import { lstat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { backupRoutes } from "@skerry/core/contract/api/backup.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { reword } from "../../output/reword.ts";
import { Directory } from "../../transfer/directory.ts";
import { holdTarget } from "../../transfer/safe-path.ts";
import { createTemporary } from "../../transfer/temporary.ts";
import { defineCommand } from "../command.ts";
import { formatSummary } from "./summary.ts";

export default defineCommand({
  usage: "FILE",
  args: [1, 1],
  options: {},
  example: "backup create skerry-2026-08-02.backup",
  details:
    "While the daemon runs: all that is declared (users, tokens, projects, buckets, routes, containers, volumes, networks) and the " +
    "index of objects as of one moment. The objects' content is not in it: its copies on the chunkservers are needed for " +
    "a restore, and what was deleted since cannot be read after one. Nor is what lies in volumes, images, or the audit log. It holds password hashes: FILE gets mode 0600. Needs the role operator or admin.",
  async run(invocation, { args }) {
    const { output, signal } = invocation;
    const path = args[0] ?? "";
    if ((await lstat(path).catch(() => undefined)) !== undefined) {
      throw new SkerryError("conflict/exists", `${path} is there already.`, { hint: "Choose another name." });
    }
    const client = await invocation.client();
    await using directory = await Directory.open(dirname(path));
    await using target = await holdTarget(directory, [basename(path)]);
    // Before anything secret is in it.
    await using file = await createTemporary(target, 0o600);
    const { body } = await client.download(backupRoutes.create, { signal });
    for await (const bytes of body) await file.handle.writeFile(bytes);
    await file.handle.sync();
    // Read again from the disk: what is called a backup can be restored.
    const { verifyBackup } = await import("@skerry/daemon/backup/unpack.ts");
    const opened = `/proc/self/fd/${file.handle.fd}`;
    const summary = await verifyBackup(opened).catch((error: unknown) => {
      if (!(error instanceof SkerryError)) throw error;
      throw reword(error, { message: error.message.replaceAll(opened, path) });
    });
    await file.commit();
    output.note(`${path} holds secrets (mode 0600): keep it as you keep passwords, and not on this machine alone.`);
    await output.value({ file: path, ...summary }, path, () => formatSummary(summary));
  },
});
