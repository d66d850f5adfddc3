/** `skerry top`. The charts are a program of their own; it gets the figures from here. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { describeTarget } from "../context/contexts.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "top",
  details: "Processor, memory, requests and latency of the daemon, every two seconds. q leaves.",
  async run(invocation) {
    const { terminal, globals, signal } = invocation;
    const { stdin, stdout, env } = terminal;
    if (stdin.isTTY !== true || stdout.isTTY !== true) {
      throw new SkerryError("unsupported", "skerry top needs a terminal, and this is none.", {
        hint: "skerry metrics shows the figures without one.",
      });
    }
    const { client, context } = await invocation.connection();
    const { runTop } = await import("@skerry/tui/top.ts");
    await runTop({
      client,
      context: context.name ?? describeTarget(context),
      stdin: stdin as NodeJS.ReadStream,
      stdout: stdout as NodeJS.WriteStream,
      color: !globals["no-color"] && !env["NO_COLOR"],
      env,
      signal,
    });
  },
});
