import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { RESTARTS } from "@skerry/core/contract/lists.ts";
import { defineCommand } from "../command.ts";
import { changeLabels, LABEL_CHANGE_OPTION } from "../labels.ts";
import { readNumber } from "./number.ts";
import { untilLimited } from "./settled.ts";
import { parseSize } from "./size.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  takesProject: true,
  options: {
    cpu: { type: "string", describe: "Cores, e.g. 0.5" },
    memory: { type: "string", describe: "Memory, e.g. 256m" },
    pids: { type: "string", describe: "Processes and threads at once" },
    restart: { type: "string", choices: RESTARTS, describe: "After it has ended by itself" },
    ...LABEL_CHANGE_OPTION,
  },
  example: "container update web --memory 1g",
  details: "It runs on meanwhile: nothing is started again.",
  async run(invocation, { args, flags }) {
    const { label, cpu, memory, pids, restart } = flags;
    const spec = {
      ...(cpu === undefined ? {} : { cpu: readNumber(cpu, "--cpu") }),
      ...(memory === undefined ? {} : { memoryBytes: parseSize(memory, "--memory") }),
      ...(pids === undefined ? {} : { pids: readNumber(pids, "--pids") }),
      ...(restart === undefined ? {} : { restart }),
    };
    if (label.length === 0 && Object.keys(spec).length === 0) {
      throw new SkerryError("invalid", "Nothing to change was named.", {
        hint: "Say --cpu, --memory, --pids, --restart or --label.",
      });
    }
    const client = await invocation.client();
    const project = await invocation.project();
    const { signal } = invocation;
    const named = { params: { name: args[0] ?? "" }, query: project === undefined ? {} : { project }, signal };
    const before = label.length === 0 ? undefined : await client.call(containerRoutes.get, named);
    const changed = await client.call(containerRoutes.update, {
      ...named,
      body: {
        spec,
        // Labels are replaced as a whole: what somebody else changes meanwhile must not be lost.
        ...(before === undefined
          ? {}
          : { labels: changeLabels(before.meta.labels, label), revision: before.meta.revision }),
      },
    });
    const settled = await untilLimited(client, changed, signal);
    await invocation.output.done("container", settled.meta.name, "updated", settled);
  },
});
