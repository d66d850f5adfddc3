import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    description: { type: "string", describe: "What it is for" },
    ...LABEL_OPTION,
  },
  example: 'project create web --description "The web team"',
  details: "Members come with: skerry binding create USER --project NAME --role member.",
  async run(invocation, { args, flags }) {
    const client = await invocation.client();
    const { description, label } = flags;
    const project = await client.call(projectRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(description === undefined ? {} : { spec: { description } }),
        ...(label.length === 0 ? {} : { labels: parseLabels(label) }),
      },
      signal: invocation.signal,
    });
    await invocation.output.done("project", project.meta.name, "created", project);
  },
});
