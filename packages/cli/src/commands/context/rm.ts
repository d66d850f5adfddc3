import { SkerryError } from "@skerry/core/contract/errors.ts";
import { readContexts, writeContexts } from "../../context/contexts.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {},
  example: "context rm office",
  details: "Forgets where the cloud is, and the token, here. Nothing changes in the cloud; see skerry logout.",
  async run({ terminal, output }, { args }) {
    const name = args[0] ?? "";
    const { contexts, current } = await readContexts(terminal.env);
    const others = contexts.filter((one) => one.name !== name);
    if (others.length === contexts.length) {
      throw new SkerryError("not_found", `There is no context ${JSON.stringify(name)}.`);
    }
    const kept = current === undefined || current === name ? {} : { current };
    await writeContexts(terminal.env, { ...kept, contexts: others });
    await output.done("context", name, "removed");
  },
});
