import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  takesProject: true,
  options: LABEL_OPTION,
  example: "network create back",
  async run(invocation, { args, flags }) {
    const client = await invocation.client();
    const project = await invocation.project();
    const network = await client.call(networkRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(project === undefined ? {} : { project }),
        ...(flags.label.length === 0 ? {} : { labels: parseLabels(flags.label) }),
      },
      signal: invocation.signal,
    });
    await invocation.output.done("network", network.meta.name, "created", network);
  },
});
