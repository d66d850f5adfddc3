import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { LABEL_CHANGE_OPTION } from "../labels.ts";
import { callsAbout, labelsIn } from "../named.ts";
import { FILE_OPTION, readEntries } from "./file.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: { ...FILE_OPTION, ...LABEL_CHANGE_OPTION },
  example: "iplist update office --from-file networks.txt",
  details: "All routes that name it follow at once. What is in the file takes the place of what was there.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label, "from-file": path } = flags;
    if (label.length === 0 && path === undefined) {
      throw new SkerryError("invalid", "Nothing to change was named.", { hint: "Say --from-file or --label." });
    }
    const entries = path === undefined ? undefined : await readEntries(invocation, path);
    const { client, named } = await callsAbout(invocation, args[0]);
    const before = label.length === 0 ? undefined : await client.call(ipListRoutes.get, named);
    const made = await client.call(ipListRoutes.update, {
      ...named,
      body: {
        ...(entries === undefined ? {} : { spec: { entries } }),
        ...labelsIn(before, label),
      },
    });
    await invocation.output.done("iplist", made.meta.name, "updated", made);
  },
});
