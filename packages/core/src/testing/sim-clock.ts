/** A clock that stands still until a test moves it. */
import type { Clock } from "../domain/ports.ts";

interface Sleeper {
  readonly atMs: number;
  readonly finish: () => void;
}

export interface SimClock extends Clock {
  /** Moves the time; sleepers whose time has come wake in order, and what they start has run as far as microtasks go. */
  advance(ms: number): Promise<void>;
  /** How many sleep now. */
  readonly sleeping: number;
}

/** Both clocks begin at `startMs` (wall time, 2026-01-01 when absent) and at 0 (monotonic). */
export function createSimClock(startMs = Date.UTC(2026, 0, 1)): SimClock {
  let nowMs = 0;
  const sleepers = new Set<Sleeper>();

  return {
    wallMs: () => startMs + nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const stop = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          atMs: nowMs + Math.max(ms, 0),
          finish: () => {
            signal?.removeEventListener("abort", stop);
            resolve();
          },
        };
        signal?.addEventListener("abort", stop, { once: true });
        sleepers.add(sleeper);
      }),
    get sleeping() {
      return sleepers.size;
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      for (;;) {
        await settle();
        const due = [...sleepers].filter((one) => one.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        nowMs = Math.max(nowMs, due.atMs);
        sleepers.delete(due);
        due.finish();
      }
      nowMs = endMs;
      await settle();
    },
  };
}

/** Lets everything run that waits for nothing outside the process. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
