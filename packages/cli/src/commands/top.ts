/** `skerry top`. The charts are a program of their own; it gets the figures from here. */
import { defineCommand } from "./command.ts";
import { screenTerminal } from "./screen-terminal.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "top",
  details: "Processor, memory, requests and latency of the daemon, every two seconds. q leaves.",
  async run(invocation) {
    const { terminal, signal } = invocation;
    const screen = await screenTerminal(invocation, "top", "skerry metrics shows the figures without one.");
    const { runTop } = await import("@skerry/tui/top.ts");
    await runTop({ ...screen, env: terminal.env, signal });
  },
});
