import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { usagePresentation } from "@skerry/core/contract/present/container.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "NAME...",
  args: [1, 100],
  options: {},
  example: "container stats web",
  takesProject: true,
  async run(invocation, { args }) {
    const client = await invocation.client();
    const project = await invocation.project();
    const query = project === undefined ? {} : { project };
    const { signal } = invocation;
    const rows = await Promise.all(
      args.map(async (name) => ({
        name,
        usage: await client.call(containerRoutes.stats, { params: { name }, query, signal }),
      })),
    );
    await invocation.output.list(usagePresentation, rows);
  },
});
