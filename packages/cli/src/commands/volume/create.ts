import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: LABEL_OPTION,
  example: "volume create data",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const client = await invocation.client();
    const project = await invocation.project();
    const volume = await client.call(volumeRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(project === undefined ? {} : { project }),
        ...(flags.label.length === 0 ? {} : { labels: parseLabels(flags.label) }),
      },
      signal: invocation.signal,
    });
    await invocation.output.done("volume", volume.meta.name, "created", volume);
  },
});
