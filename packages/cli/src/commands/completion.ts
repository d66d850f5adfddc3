import { SkerryError } from "@skerry/core/contract/errors.ts";
import { SCRIPTS, SHELLS } from "../completion/scripts.ts";
import { defineCommand } from "./command.ts";
import { closest } from "./suggest.ts";

export default defineCommand({
  usage: "SHELL",
  args: [1, 1],
  options: {},
  example: "completion bash > ~/.local/share/bash-completion/completions/skerry",
  more: [
    ["completion zsh", "in ~/.zshrc: source <(skerry completion zsh)"],
    ["completion fish > ~/.config/fish/completions/skerry.fish", "at the next start of fish"],
  ],
  details:
    `SHELL is one of ${SHELLS.join(", ")}. Completes commands, flags and their values, and what is in the cloud of the ` +
    "current context: names, buckets, keys. What cannot be asked within a moment is left out.",
  async run({ output }, { args }) {
    const [word = ""] = args;
    const shell = SHELLS.find((one) => one === word);
    if (shell === undefined) {
      const near = closest(word, SHELLS);
      throw new SkerryError("invalid", `There is no completion for the shell ${JSON.stringify(word)}.`, {
        hint: near === undefined ? `There are ${SHELLS.join(", ")}.` : `Did you mean ${near}?`,
      });
    }
    await output.text(SCRIPTS[shell]);
  },
});
