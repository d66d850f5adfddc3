import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { isError } from "@skerry/core/contract/errors.ts";
import { type UsageRow, usagePresentation } from "@skerry/core/contract/present/container.ts";
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
    const usageOf = async (name: string) => ({
      name,
      usage: await client.call(containerRoutes.stats, { params: { name }, query, signal }),
    });
    const rows =
      args.length > 0
        ? await Promise.all(args.map(usageOf))
        : await usageOfAll(client.items(containerRoutes.list, { query, signal }), usageOf);
    await invocation.output.list(usagePresentation, rows);
  },
});

/** Of those that run. One that ends meanwhile is left out. */
async function usageOfAll(
  containers: AsyncIterable<ContainerView>,
  usageOf: (name: string) => Promise<UsageRow>,
): Promise<readonly UsageRow[]> {
  const rows: UsageRow[] = [];
  for await (const { meta, status } of containers) {
    if (status?.state !== "running") continue;
    try {
      rows.push(await usageOf(meta.name));
    } catch (error) {
      if (!isError(error, "conflict") && !isError(error, "not_found")) throw error;
    }
  }
  return rows;
}
