/** A clock that stands still until a test moves it. */
import type { Clock } from "../domain/ports.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly order: number;
  readonly wake: () => void;
}

export interface FakeClock extends Clock {
  /** Moves both clocks on, waking sleepers in the order in which they are due; what they do runs in between. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock alone, as an operator or NTP would. */
  setWall(ms: number): void;
  /** Sleepers that wait. 0 = whoever used the clock is idle or has ended. */
  readonly sleepers: number;
}

/** Monotonic time begins at 0, wall time at `wallMs` (default: 2026-01-01T00:00:00Z). */
export function createFakeClock(wallMs = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = 0;
  let offsetMs = wallMs;
  let count = 0;
  const sleepers = new Set<Sleeper>();

  function earliest(untilMs: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (sleeper.dueMs > untilMs) continue;
      if (!first || sleeper.dueMs < first.dueMs || (sleeper.dueMs === first.dueMs && sleeper.order < first.order)) {
        first = sleeper;
      }
    }
    return first;
  }

  return {
    wallMs: () => nowMs + offsetMs,
    monotonicMs: () => nowMs,
    get sleepers() {
      return sleepers.size;
    },
    setWall(ms) {
      offsetMs = ms - nowMs;
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          dueMs: nowMs + Math.max(0, ms),
          order: count++,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", onAbort);
            resolve();
          },
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        sleepers.add(sleeper);
      });
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      // Two turns of the event loop, so that what a sleeper does (and what that wakes) happens at its own time.
      const settle = async () => {
        for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      };
      await settle();
      for (let next = earliest(untilMs); next; next = earliest(untilMs)) {
        nowMs = Math.max(nowMs, next.dueMs);
        next.wake();
        await settle();
      }
      nowMs = untilMs;
    },
  };
}
