/** `skerry ui`. The screens are a package of their own; they get the client that the context names. */
import { defineCommand, type GlobalFlags } from "./command.ts";
import { handOver } from "./hand-over.ts";
import { screenTerminal } from "./screen-terminal.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "ui",
  details: "Screens that follow the cloud, for a terminal of 80 columns or more. ? shows the keys, q leaves.",
  async run(invocation) {
    const { terminal, globals, signal } = invocation;
    const instead = "skerry status, skerry bucket ls and skerry bucket watch work without one.";
    const screen = await screenTerminal(invocation, "ui", instead);
    // React looks at it when it loads, and is three times slower otherwise.
    process.env["NODE_ENV"] ??= "production";
    // What is typed while they load is for the screens: the terminal must not show it in their place.
    screen.stdin.setRawMode?.(true);
    try {
      const { runTui } = await import("@skerry/tui/run.tsx");
      await runTui({
        ...screen,
        nowMs: terminal.nowMs,
        runCommand: (words) => handOver([...words, ...connectionFlags(globals)], signal),
        signal,
      });
    } finally {
      screen.stdin.setRawMode?.(false);
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
