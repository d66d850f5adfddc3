import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "./command.ts";
import { EXEC_FAILURE_STATUS, runIn } from "./container/run-in.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: { shell: { type: "string", describe: "The program (default /bin/sh)" } },
  example: "shell web",
  details: "Needs a terminal. The exit status is the shell's own; 125 when it could not be opened.",
  failureStatus: EXEC_FAILURE_STATUS,
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { stdin, stdout } = invocation.terminal;
    if (!stdin.isTTY || !stdout.isTTY) {
      throw new SkerryError("invalid", "A shell needs a terminal, and this is none.", {
        hint: `For scripts: skerry exec ${args[0]} -- sh -c COMMAND`,
      });
    }
    const command = [flags.shell ?? "/bin/sh"];
    return runIn(invocation, { name: args[0] ?? "", command, tty: true, takesInput: true, raw: true });
  },
});
