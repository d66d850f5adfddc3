import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { LABEL_CHANGE_OPTION } from "../labels.ts";
import { callsAbout, labelsIn } from "../named.ts";
import { LIMIT_OPTIONS, readLimits } from "./limit-flags.ts";
import { untilLimited } from "./settled.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  takesProject: true,
  options: {
    ...LIMIT_OPTIONS,
    ...LABEL_CHANGE_OPTION,
  },
  example: "container update web --memory 1g",
  details: "It runs on meanwhile: nothing is started again.",
  async run(invocation, { args, flags }) {
    const { label } = flags;
    const spec = readLimits(flags);
    if (label.length === 0 && Object.keys(spec).length === 0) {
      throw new SkerryError("invalid", "Nothing to change was named.", {
        hint: "Say --cpu, --memory, --pids, --restart or --label.",
      });
    }
    const { client, named } = await callsAbout(invocation, args[0]);
    const before = label.length === 0 ? undefined : await client.call(containerRoutes.get, named);
    const changed = await client.call(containerRoutes.update, {
      ...named,
      body: {
        spec,
        ...labelsIn(before, label),
      },
    });
    const { cpu, memoryBytes, pids } = spec;
    // The engine is needed for these alone.
    const limited = cpu !== undefined || memoryBytes !== undefined || pids !== undefined;
    const settled = limited ? await untilLimited(client, changed, named.signal) : changed;
    await invocation.output.done("container", settled.meta.name, "updated", settled);
  },
});
