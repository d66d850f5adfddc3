import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/contract/errors.ts";
import { type UsageRow, usagePresentation } from "@skerry/core/contract/present/container.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { forEachParallel } from "../../transfer/parallel.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "[NAME...]",
  args: [0, 100],
  options: {},
  example: "container stats",
  more: [["container stats web", "of one"]],
  details: "Without a name: of all that run.",
  takesProject: true,
  async run(invocation, { args }) {
    const client = await invocation.client();
    const project = await invocation.project();
    const query = project === undefined ? {} : { project };
    const { signal } = invocation;
    const rows =
      args.length > 0
        ? await inOrder(args, async (name) =>
            usageOf(client, await client.call(containerRoutes.get, { params: { name }, query, signal }), signal),
          )
        : await inOrder(client.items(containerRoutes.list, { query, signal }), (container) =>
            usageIfRunning(client, container, signal),
          );
    await invocation.output.list(usagePresentation, rows);
  },
});

async function usageOf(client: Client, { meta }: ContainerView, signal: AbortSignal): Promise<UsageRow> {
  const { name, project, projectName } = meta;
  const usage = await client.call(containerRoutes.stats, { params: { name }, query: { project }, signal });
  return { name, project, ...(projectName === undefined ? {} : { projectName }), usage };
}

/** Undefined for one that does not run, or ends or goes meanwhile. */
async function usageIfRunning(
  client: Client,
  container: ContainerView,
  signal: AbortSignal,
): Promise<UsageRow | undefined> {
  if (container.status?.state !== "running") return undefined;
  try {
    return await usageOf(client, container, signal);
  } catch (error) {
    if (isError(error, "conflict") || isError(error, "not_found")) return undefined;
    throw error;
  }
}

/** The engine measures each for a second or two: several are asked about at once. The order stays. */
async function inOrder<T>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<UsageRow | undefined>,
): Promise<readonly UsageRow[]> {
  const rows: (UsageRow | undefined)[] = [];
  const each = async (item: T) => {
    const at = rows.push(undefined) - 1;
    rows[at] = await work(item);
  };
  await forEachParallel(items, each, LIMITS.cli.maxStatsAtOnce);
  return rows.filter((row) => row !== undefined);
}
