import { defineCommand } from "../command.ts";
import { type Descriptor, LABELS_OPTION, listItems, listQuery, readableItems } from "./descriptor.ts";

export function lsOf(descriptor: Descriptor) {
  return defineCommand({
    usage: "",
    args: [0, 0],
    options: LABELS_OPTION,
    takesProject: descriptor.listsByProject,
    example: `${descriptor.kind} ls -o json`,
    elsewhere: (name) => `skerry ${descriptor.kind} get ${name}`,
    async run(invocation, { flags }) {
      const query = await listQuery(invocation, descriptor, flags.labels);
      const items = listItems(await invocation.client(), descriptor, query, invocation.signal);
      await invocation.output.list(descriptor.presentation, readableItems(invocation, descriptor, items));
    },
  });
}
