import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { formatBytes, formatDuration } from "@skerry/core/contract/present/values.ts";
import { describeTarget } from "../context/contexts.ts";
import { escapeText } from "../output/escape.ts";
import { formatFacts } from "../output/facts.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "status -o json",
  async run(invocation) {
    const { client, context } = await invocation.connection();
    const status = await client.call(nodeRoutes.status, { signal: invocation.signal });
    const { storage } = status;
    await invocation.output.value(status, () => {
      const facts = formatFacts([
        ["State", status.state],
        ["Node", `${status.node}, version ${status.version}, up ${formatDuration(status.uptimeSeconds)}`],
        ["Storage", `${storage.state}, ${storage.replicas}`],
        ["Objects", `${storage.objects} (${formatBytes(storage.sizeBytes)})`],
        ["Cluster", `${status.cluster}, revision ${status.revision}`],
        ["Context", `${context.name ?? "none"} (${describeTarget(context)})`],
      ]);
      const problems = status.problems.map((problem) => `- ${escapeText(problem)}\n`).join("");
      return problems === "" ? facts : `${facts}\nNot as it should be:\n${problems}`;
    });
  },
});
