import { defineCommand } from "./command.ts";
import { EXEC_FAILURE_STATUS, runIn } from "./container/run-in.ts";

export default defineCommand({
  usage: "NAME [--] COMMAND...",
  args: [2, 257],
  commandAfter: 1,
  options: {
    tty: { type: "boolean", alias: "t", describe: "With a terminal: for programs that draw, or ask" },
    "no-stdin": { type: "boolean", describe: "Give the command no input, and leave ours unread" },
    raw: { type: "boolean", describe: "To a terminal without -t: bytes as they are, control characters too" },
  },
  example: "exec web -- ls -l /www",
  more: [["exec -t web -- top", "with a terminal"]],
  details:
    "Flags of skerry stand before the command; all behind its first word is its own. The exit status " +
    "is the command's own; 125 when it could not be run.",
  failureStatus: EXEC_FAILURE_STATUS,
  takesProject: true,
  async run(invocation, { args, flags }) {
    const [name = "", ...command] = args;
    return runIn(invocation, { name, command, tty: flags.tty, takesInput: !flags["no-stdin"], raw: flags.raw });
  },
});
