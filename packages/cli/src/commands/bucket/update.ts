import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { VISIBILITIES } from "@skerry/core/contract/lists.ts";
import { defineCommand } from "../command.ts";
import { LABEL_CHANGE_OPTION } from "../labels.ts";
import { labelsIn } from "../named.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    visibility: {
      type: "string",
      choices: VISIBILITIES,
      describe: "private: who has the permission; visible: every user may read; public: everyone may",
    },
    ...LABEL_CHANGE_OPTION,
  },
  example: "bucket update photos --visibility public",
  async run(invocation, { args, flags }) {
    const { label, visibility } = flags;
    if (label.length === 0 && visibility === undefined) {
      throw new SkerryError("invalid", "Nothing to change was named.", { hint: "Say --visibility or --label." });
    }
    const client = await invocation.client();
    const params = { name: args[0] ?? "" };
    const { signal } = invocation;
    const before = label.length === 0 ? undefined : await client.call(bucketRoutes.get, { params, signal });
    const bucket = await client.call(bucketRoutes.update, {
      params,
      body: {
        ...(visibility === undefined ? {} : { spec: { visibility } }),
        ...labelsIn(before, label),
      },
      signal,
    });
    await invocation.output.done("bucket", bucket.meta.name, "updated", bucket);
  },
});
