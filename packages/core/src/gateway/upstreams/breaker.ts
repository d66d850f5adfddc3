/**
 * Closed, open, half-open (Nygard, "Release It!"): a backend that fails gets no requests for a while, then a few, and all of
 * them again when these succeed. What comes back from requests that began before it opened does not count.
 */
import type { BreakerSpec } from "../../domain/upstream-care.ts";

export type BreakerRules = Required<BreakerSpec>;
export type BreakerState = "closed" | "open" | "half-open";

/** Parts of the window: the oldest is forgotten. */
const SLOTS = 10;
/** A failure after this many good windows counts as the first again. */
const MAX_DOUBLINGS = 20;

export class Breaker {
  #rules: BreakerRules;
  #isOpen = false;
  #untilMs = 0;
  /** Times that it has opened since it was closed. */
  #opened = 0;
  #inRow = 0;
  /** Requests that were let through since it is half-open, and those that have succeeded. */
  #admitted = 0;
  #admittedMs = 0;
  #succeeded = 0;
  readonly #good = new Array<number>(SLOTS).fill(0);
  readonly #bad = new Array<number>(SLOTS).fill(0);
  /** Number of the slot that counts now. */
  #slot = 0;

  constructor(rules: BreakerRules) {
    this.#rules = rules;
  }

  get rules(): BreakerRules {
    return this.#rules;
  }

  set rules(rules: BreakerRules) {
    const isAnotherWindow = rules.windowMs !== this.#rules.windowMs;
    this.#rules = rules;
    if (!isAnotherWindow) return;
    // Slots of another length have other numbers.
    this.#slot = 0;
    this.#good.fill(0);
    this.#bad.fill(0);
  }

  stateAt(nowMs: number): BreakerState {
    if (!this.#isOpen) return "closed";
    return nowMs < this.#untilMs ? "open" : "half-open";
  }

  /** When it lets some through again. */
  get untilMs(): number {
    return this.#untilMs;
  }

  lets(nowMs: number): boolean {
    if (!this.#isOpen) return true;
    if (nowMs < this.#untilMs) return false;
    // Those that are never heard of again must not keep it shut.
    return this.#admitted < this.rules.probes || nowMs - this.#admittedMs >= this.rules.openMs;
  }

  begin(nowMs: number): void {
    if (!this.#isOpen || nowMs < this.#untilMs) return;
    if (nowMs - this.#admittedMs >= this.rules.openMs && this.#admitted >= this.rules.probes) this.#admitted = 0;
    this.#admitted++;
    this.#admittedMs = nowMs;
  }

  /** One that was let through tells nothing: its client went away. */
  forget(): void {
    if (this.#isOpen && this.#admitted > 0) this.#admitted--;
  }

  succeed(nowMs: number): void {
    this.#inRow = 0;
    if (!this.#isOpen) {
      this.#count(this.#good, nowMs);
      return;
    }
    if (nowMs < this.#untilMs || ++this.#succeeded < this.rules.probes) return;
    this.#isOpen = false;
    this.#opened = 0;
    this.#good.fill(0);
    this.#bad.fill(0);
  }

  /** Gives whether it opens. */
  fail(nowMs: number): boolean {
    if (this.#isOpen) {
      const isProbe = nowMs >= this.#untilMs;
      if (isProbe) this.#open(nowMs);
      return isProbe;
    }
    this.#inRow++;
    this.#count(this.#bad, nowMs);
    const { failures, minRequests, ratioPercent } = this.rules;
    const bad = sum(this.#bad);
    const all = bad + sum(this.#good);
    const isTooMany = all >= minRequests && bad * 100 >= ratioPercent * all;
    const opens = this.#inRow >= failures || isTooMany;
    if (opens) this.#open(nowMs);
    return opens;
  }

  #open(nowMs: number): void {
    const { openMs, maxOpenMs } = this.rules;
    this.#isOpen = true;
    this.#untilMs = nowMs + Math.min(Math.max(openMs, maxOpenMs), openMs * 2 ** Math.min(this.#opened, MAX_DOUBLINGS));
    this.#opened++;
    this.#inRow = 0;
    this.#admitted = 0;
    this.#succeeded = 0;
  }

  #count(counts: number[], nowMs: number): void {
    const slot = Math.floor((nowMs * SLOTS) / this.rules.windowMs);
    for (let old = Math.max(this.#slot + 1, slot - SLOTS + 1); old <= slot; old++) {
      this.#good[old % SLOTS] = 0;
      this.#bad[old % SLOTS] = 0;
    }
    this.#slot = Math.max(this.#slot, slot);
    counts[slot % SLOTS] = (counts[slot % SLOTS] ?? 0) + 1;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, one) => all + one, 0);
}
