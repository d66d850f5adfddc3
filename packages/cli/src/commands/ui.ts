/** `skerry ui`. The screens are a package of their own; they get the client that the context names. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { describeTarget } from "../context/contexts.ts";
import { defineCommand, type GlobalFlags } from "./command.ts";
import { handOver } from "./hand-over.ts";

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
    if (terminal.env["TERM"] === "dumb") {
      throw new SkerryError(
        "unsupported",
        "skerry ui needs a terminal that can place text, and this one says that it cannot.",
        {
          hint: "TERM is dumb here. In a better terminal, set it to what that is, e.g. TERM=xterm-256color.",
        },
      );
    }
    const { client, context } = await invocation.connection();
    // React looks at it when it loads, and is three times slower otherwise.
    process.env["NODE_ENV"] ??= "production";
    // What is typed while they load is for the screens: the terminal must not show it in their place.
    stdin.setRawMode?.(true);
    try {
      const { runTui } = await import("@skerry/tui/run.tsx");
      await runTui({
        client,
        context: context.name ?? describeTarget(context),
        stdin: stdin as NodeJS.ReadStream,
        stdout: stdout as NodeJS.WriteStream,
        color: !invocation.globals["no-color"] && !terminal.env["NO_COLOR"],
        nowMs: terminal.nowMs,
        runCommand: (words) => handOver([...words, ...connectionFlags(invocation.globals)], signal),
        signal,
      });
    } finally {
      stdin.setRawMode?.(false);
    }
  },
});

/** What says where this one talks to; the environment says the rest. */
function connectionFlags({ context, "token-file": tokenFile }: GlobalFlags): string[] {
  return [
    ...(context === undefined ? [] : ["--context", context]),
    ...(tokenFile === undefined ? [] : ["--token-file", tokenFile]),
  ];
}
