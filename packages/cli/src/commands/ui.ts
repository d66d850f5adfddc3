/** `skerry ui`. The screens are a package of their own; they get the client that the context names. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { describeTarget } from "../context/contexts.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "ui",
  details: "Screens that follow the cloud, for a terminal of 80 columns or more. ? shows the keys, q leaves.",
  async run(invocation) {
    const { terminal, signal } = invocation;
    const { stdin, stdout } = terminal;
    if (stdin.isTTY !== true || stdout.isTTY !== true) {
      throw new SkerryError("unsupported", "skerry ui needs a terminal, and this is none.", {
        hint: "skerry status, skerry bucket ls and skerry bucket watch work without one.",
      });
    }
    const { client, context } = await invocation.connection();
    // React looks at it when it loads, and is three times slower otherwise.
    process.env["NODE_ENV"] ??= "production";
    const { runTui } = await import("@skerry/tui/run.tsx");
    await runTui({
      client,
      context: context.name ?? describeTarget(context),
      stdin: stdin as NodeJS.ReadStream,
      stdout: stdout as NodeJS.WriteStream,
      color: !invocation.globals["no-color"] && !terminal.env["NO_COLOR"],
      nowMs: terminal.nowMs,
      signal,
    });
  },
});
