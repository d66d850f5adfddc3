/** Another run of this program on this terminal, for the screens: they get it back as it was, whatever became of the run. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { LIMITS } from "@skerry/core/contract/terms.ts";

/** Main screen, cursor, no mouse, no bracketed paste, plain text: what a program that was killed did not undo. */
const RESTORE = "\\033[?1049l\\033[?25h\\033[?1000l\\033[?2004l\\033[0m";
const PAUSE = `printf '${RESTORE}\\n[it ended with %s; Enter goes back] ' "$1"; read -r _`;

/** Resolves with its status (128 and the number of a signal, as a shell has it). An abort ends the run. */
export async function handOver(words: readonly string[], signal: AbortSignal): Promise<number> {
  const mode = terminalMode();
  const program = [...process.execArgv, process.argv[1] ?? ""];
  const status = await statusOf(spawn(process.execPath, [...program, ...words], { stdio: "inherit" }), signal);
  // One that was killed leaves its raw mode behind, in which nobody can even press Enter.
  if (mode !== undefined) spawnSync("stty", [mode], { stdio: ["inherit", "ignore", "ignore"] });
  // What went wrong can be read before the screens come back.
  if (status !== 0 && !signal.aborted) {
    await statusOf(spawn("/bin/sh", ["-c", PAUSE, "sh", String(status)], { stdio: "inherit" }), signal);
  }
  return status;
}

/** As `stty` takes it back; undefined where there is no `stty`. */
function terminalMode(): string | undefined {
  const { status, stdout } = spawnSync("stty", ["-g"], { stdio: ["inherit", "pipe", "ignore"], encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

async function statusOf(child: ChildProcess, signal: AbortSignal): Promise<number> {
  let late: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill("SIGHUP");
    late = setTimeout(() => child.kill("SIGKILL"), LIMITS.cli.interruptMs / 2);
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    const [status, by] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return status ?? 128 + (by === null ? 0 : constants.signals[by]);
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", end);
  }
}
