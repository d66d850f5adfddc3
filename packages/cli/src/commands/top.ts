/** `skerry top`. The charts are a program of their own; it gets the figures from here. */
import { defineCommand } from "./command.ts";
import { screenTerminal } from "./screen-terminal.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "top",
  more: [["top -o json", "figures of two seconds, once, for all routes"]],
  details:
    "Processor, memory, requests and latency of the daemon and of the gateway's busiest routes, every two seconds. q leaves.",
  async run(invocation) {
    const { terminal, signal, output } = invocation;
    const isOnce = output.format === "json" || output.format === "yaml";
    const screen = isOnce ? undefined : await screenTerminal(invocation, "top", "Without one: skerry top -o json");
    const { readTop, runTop } = await import("@skerry/tui/top.ts");
    if (screen !== undefined) return runTop({ ...screen, env: terminal.env, signal });
    await output.value(await readTop(await invocation.client(), signal), "", () => "");
  },
});
