import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { VISIBILITIES } from "@skerry/core/contract/lists.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    visibility: {
      type: "string",
      choices: VISIBILITIES,
      describe: "private (default): who has the permission; visible: every user may read; public: everyone may",
    },
    ...LABEL_OPTION,
  },
  example: "bucket create photos --visibility visible",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const client = await invocation.client();
    const project = await invocation.project();
    const { label, visibility } = flags;
    const bucket = await client.call(bucketRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(project === undefined ? {} : { project }),
        ...(label.length === 0 ? {} : { labels: parseLabels(label) }),
        ...(visibility === undefined ? {} : { spec: { visibility } }),
      },
      signal: invocation.signal,
    });
    await invocation.output.done("bucket", bucket.meta.name, "created", bucket);
  },
});
