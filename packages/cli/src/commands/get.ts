import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "./command.ts";
import { LABELS_OPTION, listItems, listQuery, readableItems } from "./resource/descriptor.ts";
import { showResource } from "./resource/get.ts";
import { loadDescriptor, RESOURCE_KINDS } from "./resource/kinds.ts";
import { closest } from "./suggest.ts";

export default defineCommand({
  usage: "KIND [NAME]",
  args: [1, 2],
  options: LABELS_OPTION,
  example: "get bucket photos -o yaml",
  details: `KIND is one of ${RESOURCE_KINDS.join(", ")}. What -o yaml shows, skerry apply takes; but tokens and sessions cannot be declared.`,
  takesProject: true,
  async run(invocation, { args, flags }) {
    const [word = "", name] = args;
    // People say "buckets" when they mean all of them.
    const kind = RESOURCE_KINDS.find((one) => word === one || word === `${one}s`);
    if (kind === undefined) {
      const near = closest(word, RESOURCE_KINDS);
      throw new SkerryError("invalid", `There is no kind ${JSON.stringify(word)}.`, {
        hint: near === undefined ? `There are ${RESOURCE_KINDS.join(", ")}.` : `Did you mean ${near}?`,
      });
    }
    const descriptor = await loadDescriptor(kind);
    if (name !== undefined) return showResource(invocation, descriptor, name);
    const query = await listQuery(invocation, descriptor, flags.labels);
    const items = listItems(await invocation.client(), descriptor, query, invocation.signal);
    await invocation.output.list(descriptor.presentation, readableItems(invocation, descriptor, items));
  },
});
