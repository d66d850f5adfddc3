import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { formatBytes, formatDuration } from "@skerry/core/contract/present/values.ts";
import { type Context, describeTarget } from "../context/contexts.ts";
import { escapeText } from "../output/escape.ts";
import { formatFacts } from "../output/facts.ts";
import { defineCommand, type Invocation } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "status -o json",
  details: "Who may not see how the node is (it needs the role operator or admin) sees whether the API answers.",
  async run(invocation) {
    const { client, context } = await invocation.connection();
    const status = await client.call(nodeRoutes.status, { signal: invocation.signal }).catch((error: unknown) => {
      if (!isError(error, "forbidden")) throw error;
      return undefined;
    });
    if (status === undefined) return showToMember(invocation, client, describeContext(context));
    const { addresses, storage } = status;
    await invocation.output.value(status, status.node, () => {
      const facts = formatFacts([
        ["State", status.state],
        ["Node", `${status.node}, version ${status.version}, up ${formatDuration(status.uptimeSeconds)}`],
        ["Storage", `${storage.state}, ${storage.replicas}`],
        ["Objects", `${storage.objects} (${formatBytes(storage.sizeBytes)})`],
        ["API", addresses.api],
        ["Gateway", [addresses.http, addresses.https].filter((url) => url !== undefined).join("  ") || "none"],
        ["Cluster", `${status.cluster}, revision ${status.revision}`],
        ["Context", describeContext(context)],
      ]);
      return `${facts}${told("Not as it should be", status.problems)}${told("To look after", status.warnings)}`;
    });
  },
});

function told(title: string, sentences: readonly string[] = []): string {
  if (sentences.length === 0) return "";
  return `\n${title}:\n${sentences.map((one) => `- ${escapeText(one)}\n`).join("")}`;
}

/** What everybody may know. */
async function showToMember({ output, signal }: Invocation, client: Client, context: string): Promise<void> {
  const { userName, role } = await client.call(sessionRoutes.whoami, { signal });
  const ready = await askReady(client, signal);
  await output.value({ context, user: userName, role, ready: ready === "yes" }, userName, () =>
    formatFacts([
      ["Context", context],
      ["You", `${userName} (${role})`],
      ["API ready", ready],
    ]),
  );
}

async function askReady(client: Client, signal: AbortSignal): Promise<string> {
  try {
    const { body } = await client.download(nodeRoutes.ready, { signal });
    for await (const _ of body) {
      // The status alone tells.
    }
    return "yes";
  } catch (error) {
    if (signal.aborted) throw error;
    return `no: ${toSkerryError(error).message}`;
  }
}

function describeContext(context: Omit<Context, "name"> & { readonly name?: string }): string {
  return `${context.name ?? "none"} (${describeTarget(context)})`;
}
