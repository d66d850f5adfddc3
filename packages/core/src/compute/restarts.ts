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
  held?: { readonly generation: number; readonly untilMs: number };
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

  /** It could not be made as it is declared. Returns the milliseconds until the next attempt. */
  failed(key: string, generation: number): number {
    const attempts = this.#of(key);
    const pauseMs = pause(attempts.streak++);
    attempts.held = { generation, untilMs: this.#clock.monotonicMs() + pauseMs };
    return pauseMs;
  }

  /** Milliseconds for which it is left alone after a failure, whoever asks; a change of what is declared ends that. */
  heldMs(key: string, generation: number): number {
    const held = this.#attempts.get(key)?.held;
    if (held?.generation !== generation) return 0;
    return Math.max(0, Math.ceil(held.untilMs - this.#clock.monotonicMs()));
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
    const attempts: Attempts = { streak: 0, startedMs: this.#clock.monotonicMs(), end: "", untilMs: 0 };
    this.#attempts.set(key, attempts);
    return attempts;
  }
}

function pause(streak: number): number {
  return Math.min(LIMITS.compute.maxRestartMs, LIMITS.compute.minRestartMs * 2 ** Math.min(streak, 30));
}
