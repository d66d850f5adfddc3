/** `skerry ui`. The screens are a package of their own; they get the client that the context names. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { describeTarget } from "../context/contexts.ts";
import { defineCommand, type GlobalFlags } from "./command.ts";

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
      runCommand: (words) => runHere([...words, ...connectionFlags(invocation.globals)]),
      signal,
    });
  },
});

/** What says where this one talks to; the environment says the rest. */
function connectionFlags({ context, "token-file": tokenFile }: GlobalFlags): string[] {
  return [
    ...(context === undefined ? [] : ["--context", context]),
    ...(tokenFile === undefined ? [] : ["--token-file", tokenFile]),
  ];
}

/** Another run of this program, on this terminal. What went wrong can be read before the screens come back. */
async function runHere(words: readonly string[]): Promise<number> {
  const pause =
    '"$@"; s=$?; [ $s = 0 ] || { printf "\\n[it ended with %s; Enter goes back] " $s; read -r _; }; exit $s';
  const program = [process.execPath, ...process.execArgv, process.argv[1] ?? ""];
  const child = spawn("/bin/sh", ["-c", pause, "sh", ...program, ...words], { stdio: "inherit" });
  const [status] = (await once(child, "exit")) as [number | null];
  return status ?? 1;
}
