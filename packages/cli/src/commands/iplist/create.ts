import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";
import { FILE_OPTION, fileMissing, readEntries } from "./file.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: { ...FILE_OPTION, ...LABEL_OPTION },
  example: "iplist create office --from-file networks.txt",
  details:
    "Networks and addresses of IPv4 and IPv6 between blanks, commas and line breaks; # and ; begin comments. Routes of the " +
    "project name it: --allow iplist/office, --block iplist/bad.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label, "from-file": path } = flags;
    if (path === undefined) throw fileMissing("create");
    const entries = await readEntries(invocation, path);
    const client = await invocation.client();
    const project = await invocation.project();
    const made = await client.call(ipListRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(project === undefined ? {} : { project }),
        ...(label.length === 0 ? {} : { labels: parseLabels(label) }),
        spec: { entries },
      },
      signal: invocation.signal,
    });
    await invocation.output.done("iplist", made.meta.name, "created", made);
  },
});
