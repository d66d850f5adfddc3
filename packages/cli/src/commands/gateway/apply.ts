import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { defineCommand } from "../command.ts";
import { readPlanned } from "./planned.ts";
import { changesText } from "./told.ts";

export default defineCommand({
  usage: "-f FILE",
  args: [0, 0],
  options: {
    file: { type: "string", alias: "f", describe: "What skerry apply would be given; - for standard input" },
  },
  example: "gateway apply -f routes.yaml",
  details:
    "Makes routes, upstreams, certificates and iplists of the file so, as skerry apply does, but all of a project at once: no request " +
    "sees a part of it, and when one is refused nothing is changed. skerry gateway preview says before what it would change.",
  takesProject: true,
  async run(invocation, { flags }) {
    const { signal, output } = invocation;
    const groups = await readPlanned(invocation, flags.file, "apply");
    if (groups.size === 0) output.note("Nothing differs.");
    const client = await invocation.client();
    for (const [project, changes] of groups) {
      const body = { changes, ...(project === "" ? {} : { project }) };
      const done = await client.call(gatewayRoutes.change, { body, signal });
      await output.value(done, String(done.generation), () => changesText(done.changes, ""));
    }
  },
});
