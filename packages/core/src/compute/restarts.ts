/** How long to wait before a container that has ended is started again. In memory: a daemon that starts tries at once. */
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";

interface Attempts {
  /** Starts in a row that did not last. */
  streak: number;
  startedMs: number;
  /** The end that is waited for, and when the wait is over. */
  end: string;
  untilMs: number;
}

export class Restarts {
  readonly #clock: Clock;
  readonly #attempts = new Map<string, Attempts>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the next start; 0 = now. `end` names the end that it is about. */
  waitMs(key: string, end: string): number {
    const now = this.#clock.monotonicMs();
    const attempts = this.#of(key);
    if (attempts.end !== end) {
      if (now - attempts.startedMs >= LIMITS.compute.stableMs) attempts.streak = 0;
      attempts.end = end;
      attempts.untilMs = now + pause(attempts.streak);
      attempts.streak++;
    }
    return Math.max(0, Math.ceil(attempts.untilMs - now));
  }

  /** After a start that failed. */
  pauseMs(key: string): number {
    const attempts = this.#of(key);
    return pause(attempts.streak++);
  }

  started(key: string): void {
    this.#of(key).startedMs = this.#clock.monotonicMs();
  }

  /** It runs: once for long enough, all is forgotten. */
  running(key: string): void {
    const attempts = this.#attempts.get(key);
    if (attempts === undefined) return;
    if (this.#clock.monotonicMs() - attempts.startedMs >= LIMITS.compute.stableMs) this.#attempts.delete(key);
  }

  forget(key: string): void {
    this.#attempts.delete(key);
  }

  #of(key: string): Attempts {
    const known = this.#attempts.get(key);
    if (known !== undefined) return known;
    const attempts = { streak: 0, startedMs: this.#clock.monotonicMs(), end: "", untilMs: 0 };
    this.#attempts.set(key, attempts);
    return attempts;
  }
}

function pause(streak: number): number {
  return Math.min(LIMITS.compute.maxRestartMs, LIMITS.compute.minRestartMs * 2 ** Math.min(streak, 30));
}
