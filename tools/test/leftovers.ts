/** What a test run must not leave behind: files in its temporary directory, processes, mounts. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Leftovers {
  readonly files: readonly string[];
  readonly processes: readonly { readonly pid: number; readonly command: string }[];
  readonly mounts: readonly string[];
}

/**
 * @param temporary the run's own directory: what names it in its environment or on its command line was started by it,
 * even when its parent has died.
 */
export function findLeftovers(temporary: string): Leftovers {
  return {
    files: readdirSync(temporary).sort(),
    processes: processesOf(temporary),
    mounts: mountsBelow(temporary, readProc("self", "mountinfo")),
  };
}

/** Ends the processes and the mounts, so that the directory can be removed. */
export function clearLeftovers({ processes, mounts }: Leftovers): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  for (const mount of [...mounts].reverse()) spawnSync("umount", ["-l", mount]);
}

function processesOf(temporary: string): { pid: number; command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = readProc(name, "cmdline");
      // A zombie has neither: it is gone, and its parent has yet to notice.
      if (!`${command}\0${readProc(name, "environ")}`.includes(temporary)) return [];
      return [{ pid: Number(name), command: command.replaceAll("\0", " ").trim() }];
    });
}

/** Empty when the process has gone or belongs to another user. */
function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Mount points of `mountinfo` (proc(5)) below the directory, outer ones first. */
export function mountsBelow(temporary: string, mountinfo: string): string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${temporary}/`));
}
