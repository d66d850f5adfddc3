import { defineCommand } from "../command.ts";
import { formatSummary } from "./summary.ts";

export default defineCommand({
  usage: "FILE",
  args: [1, 1],
  options: {},
  example: "backup verify skerry-2026-08-02.backup",
  details: "Reads all of it, unpacks it into a temporary directory and looks at every row. Needs no daemon.",
  async run({ output }, { args }) {
    const path = args[0] ?? "";
    const { verifyBackup } = await import("@skerry/daemon/backup/unpack.ts");
    const summary = await verifyBackup(path);
    await output.value({ file: path, ...summary }, path, () => `The backup is whole.\n${formatSummary(summary)}`);
  },
});
