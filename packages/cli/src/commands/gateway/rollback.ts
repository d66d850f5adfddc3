import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { confirm } from "../../prompts/ask.ts";
import { defineCommand } from "../command.ts";
import { readGeneration } from "./history.ts";
import { CHANGED } from "./preview.ts";
import { readSamples } from "./samples.ts";
import { changesText, previewText } from "./told.ts";

export default defineCommand({
  usage: "N",
  args: [1, 1],
  options: {
    "dry-run": { type: "boolean", describe: "Only show what would be put back, and which requests that would change" },
    samples: { type: "string", describe: "Requests to look at, besides those of the access log; see gateway preview" },
    "exit-code": {
      type: "boolean",
      describe: `With --dry-run: exit with ${CHANGED} when sampled requests would change`,
    },
  },
  example: "gateway rollback 12",
  more: [["gateway rollback 12 --dry-run", "what it would put back, and which requests would change"]],
  details:
    "The project's routes, upstreams, certificates and iplists are as they were after generation N then: all of them at once, on all " +
    "workers, or none. 0 is what was there before the first. It is a change like any other: it is in the history, and can be gone back " +
    "from. Asks first, see --yes. Keys of certificates that were removed since are gone, and it says so before it does anything.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { terminal, signal, output, globals } = invocation;
    const backTo = readGeneration(args[0] ?? "", 0);
    const samples = flags.samples === undefined ? [] : await readSamples(flags.samples, terminal.stdin);
    const client = await invocation.client();
    const project = await invocation.project();
    const of = { backTo, ...(project === undefined ? {} : { project }) };
    const preview = await client.call(gatewayRoutes.preview, { body: { ...of, samples: [...samples] }, signal });
    const { changes, requests } = preview;
    const text = () => changesText(changes, "would be ") + previewText(preview);
    if (flags["dry-run"]) {
      await output.value(preview, String(backTo), text);
      return flags["exit-code"] && requests.changed > 0 ? CHANGED : 0;
    }
    if (changes.length === 0) {
      output.note(`Nothing differs from generation ${backTo}.`);
      return 0;
    }
    if (!globals.yes) terminal.stderr.write(text());
    await confirm(terminal, `Go back to generation ${backTo}?`, globals.yes);
    const done = await client.call(gatewayRoutes.rollback, { body: { ...of, newest: preview.generation }, signal });
    await output.value(done, String(done.generation), () => {
      return `${changesText(done.changes, "")}generation ${done.generation} is as generation ${backTo} was\n`;
    });
    return 0;
  },
});
