import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { readPlanned } from "./planned.ts";
import { readSamples } from "./samples.ts";
import { changesText, previewText } from "./told.ts";

/** Exit status with `--exit-code` when requests change. */
export const CHANGED = 3;

export default defineCommand({
  usage: "-f FILE",
  args: [0, 0],
  options: {
    file: { type: "string", alias: "f", describe: "What skerry apply would be given; - for standard input" },
    samples: {
      type: "string",
      describe: "Requests to look at: METHOD URL [-H 'NAME: VALUE'] [--client ADDRESS] a line",
    },
    "no-log": { type: "boolean", describe: "Leave out the requests of the access log" },
    "exit-code": { type: "boolean", describe: `Exit with ${CHANGED} when sampled requests would change` },
  },
  example: "gateway preview -f routes.yaml",
  more: [["gateway preview -f routes.yaml --samples requests.txt --exit-code", "for a pipeline"]],
  details:
    "Routes, upstreams, certificates and iplists of the file are checked as skerry apply would, all of a project as one change, " +
    "and nothing is done. The gateway's own matcher decides about each request before and after: those of the project in the access " +
    "log (it keeps neither query nor headers) and those of --samples.",
  takesProject: true,
  async run(invocation, { flags }) {
    const { terminal, signal, output } = invocation;
    if (flags.file === "-" && flags.samples === "-")
      throw new SkerryError("invalid", "Standard input can be one of the two: the changes, or the samples.");
    const samples = flags.samples === undefined ? [] : await readSamples(flags.samples, terminal.stdin);
    const groups = await readPlanned(invocation, flags.file, "preview");
    if (groups.size === 0) output.note("Nothing would change.");
    const client = await invocation.client();
    let changed = 0;
    for (const [project, changes] of groups) {
      const body = { changes, samples: [...samples], log: !flags["no-log"], ...(project === "" ? {} : { project }) };
      const preview = await client.call(gatewayRoutes.preview, { body, signal });
      changed += preview.requests.changed;
      await output.value(preview, project, () => changesText(preview.changes, "would be ") + previewText(preview));
    }
    return flags["exit-code"] && changed > 0 ? CHANGED : 0;
  },
});
