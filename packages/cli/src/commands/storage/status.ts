import { nodeRoutes, type StorageStatusView } from "@skerry/core/contract/api/node.ts";
import { chunkserverPresentation } from "@skerry/core/contract/present/node.ts";
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import { formatFacts } from "../../output/facts.ts";
import { defineCommand } from "../command.ts";

function lostText({ lostChunks, lostObjects }: StorageStatusView): string {
  const names = lostObjects.map(({ bucket, key }) => `${bucket}:${key}`);
  const some = names.length === 0 ? "" : `, of ${names.join(", ")}${lostChunks > names.length ? " ..." : ""}`;
  return `${lostChunks} chunks have no good copy${some}`;
}

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "storage status",
  async run(invocation) {
    const { output, signal } = invocation;
    const client = await invocation.client();
    const status = await client.call(nodeRoutes.storage, { signal });
    if (output.format === "json" || output.format === "yaml") return output.value(status, "", () => "");
    if (output.format === "table") {
      await output.text(
        formatFacts([
          ["State", status.state],
          ["Copies", status.replicas],
          ["Objects", `${status.objects} (${formatBytes(status.sizeBytes)})`],
          ["To repair", `${status.repairQueue} chunks`],
          ["To remove", `${status.garbageChunks} chunks`],
          ...(status.lostChunks === 0 ? [] : [["Lost", lostText(status)] as const]),
          ...(status.unknownFiles === 0 ? [] : [["Unknown", `${status.unknownFiles} files, left alone`] as const]),
        ]),
      );
      await output.text("\n");
    }
    await output.list(chunkserverPresentation, status.servers);
  },
});
