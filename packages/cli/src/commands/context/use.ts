import { SkerryError } from "@skerry/core/contract/errors.ts";
import { readContexts, withContext, writeContexts } from "../../context/contexts.ts";
import { defineCommand } from "../command.ts";
import { closest } from "../suggest.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {},
  example: "context use office --project web",
  details: "With --project, that project is the one that the context's commands work in.",
  async run({ terminal, output, globals }, { args }) {
    const name = args[0] ?? "";
    const contexts = await readContexts(terminal.env);
    const context = contexts.contexts.find((one) => one.name === name);
    if (context === undefined) {
      const names = contexts.contexts.map((one) => one.name);
      const near = closest(name, names);
      throw new SkerryError("not_found", `There is no context ${JSON.stringify(name)}.`, {
        hint: near === undefined ? "skerry context ls shows those that are there." : `Did you mean ${near}?`,
      });
    }
    const { project } = globals;
    const changed = project === undefined ? contexts : withContext(contexts, { ...context, project });
    await writeContexts(terminal.env, { ...changed, current: name });
    await output.done("context", name, "is current");
  },
});
