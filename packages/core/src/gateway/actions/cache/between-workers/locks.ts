/**
 * Who of the workers asks an upstream, while the others wait: a symbolic link that stands for the lock says which process has it,
 * and since when. It is made in one step, and is worth nothing when that process has ended.
 */
import { lstatSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";

/** How often those who wait look, in milliseconds. */
const LOOK_MS = 4;
/** And how often whether the other one lives, in looks. */
const LOOKS_PER_CHECK = 16;

interface LocksOptions {
  readonly directory: string;
  /** Nobody waits for one that is older. */
  readonly maxAgeMs: number;
  /** What the machine's monotonic clock is ahead of the process'. */
  readonly originMs: number;
}

export class Locks {
  readonly #options: LocksOptions;
  readonly #waiting = new Map<string, () => void>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  constructor(options: LocksOptions) {
    this.#options = options;
  }

  take(name: string, nowMs: number): "mine" | "others" | "late" {
    const { originMs, maxAgeMs } = this.#options;
    const path = this.#path(name);
    for (let tries = 0; tries < 2; tries++) {
      try {
        symlinkSync(`${process.pid} ${nowMs + originMs}`, path);
        return "mine";
      } catch (error) {
        // Without locks each worker asks for itself.
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) return "mine";
      }
      const [pid, sinceMs = 0] = this.#read(path);
      if (pid === undefined) continue;
      if (isAlive(pid)) return nowMs + originMs - sinceMs >= maxAgeMs ? "late" : "others";
      remove(path);
    }
    return "late";
  }

  free(name: string): void {
    remove(this.#path(name));
  }

  /** As `CommonCache.onUnlocked`. One at a time waits for a name. */
  wait(name: string, onGone: () => void): () => void {
    this.#waiting.set(name, onGone);
    this.#timer ??= setTimeout(() => this.#look(), LOOK_MS).unref();
    return () => this.#waiting.delete(name);
  }

  #look(): void {
    this.#timer = undefined;
    const checks = this.#looks++ % LOOKS_PER_CHECK === 0;
    for (const [name, onGone] of this.#waiting) {
      const path = this.#path(name);
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
        const [pid] = checks ? this.#read(path) : [];
        if (pid === undefined || isAlive(pid)) continue;
        remove(path);
      }
      this.#waiting.delete(name);
      onGone();
    }
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#look(), LOOK_MS).unref();
  }

  /** Process, and since when; nothing when it is gone. */
  #read(path: string): number[] {
    try {
      return readlinkSync(path).split(" ").map(Number);
    } catch {
      return [];
    }
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another was faster.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
