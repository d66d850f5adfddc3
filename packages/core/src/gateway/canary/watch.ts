/** One canary over time: when it takes its next step, and when it is led back. Pure; what is seen and when is told to it. */

import { LIMITS } from "../../domain/limits.ts";
import type { Canary, CanaryTurn, Rollout } from "../../domain/route-canary.ts";
import { durationMs } from "../../domain/route-limits.ts";
import { judge, NOTHING, type Seen, since, type Verdict } from "./judge.ts";

/** Since the daemon's start. */
export interface Counts {
  readonly own: Seen;
  /** Of all other variants. */
  readonly others: Seen;
}

export type Move = Extract<CanaryTurn, { action: "move" }>;

/**
 * Of one step, or pause: begun anew with each, and with each start of the daemon, whose counts begin then. So a step lasts
 * longer, never shorter, than is said.
 */
export class CanaryWatch {
  readonly #canary: Canary;
  readonly #rollout: Rollout;
  readonly #beganMs: number;
  /** What was there when the window began that is judged now. */
  #from: Counts;
  #fromMs: number;
  #verdict: Verdict = { kind: "unsure", why: "it has just begun" };
  #hasJudged = false;
  #seen: Counts = { own: NOTHING, others: NOTHING };

  /** `nowMs`: monotonic. */
  constructor(canary: Canary, rollout: Rollout, counts: Counts, nowMs: number) {
    this.#canary = canary;
    this.#rollout = rollout;
    this.#beganMs = nowMs;
    this.#from = counts;
    this.#fromMs = nowMs;
  }

  /** Whether it is still about this. */
  isOf(canary: Canary, rollout: Rollout): boolean {
    const { phase, percent, sinceMs } = this.#rollout;
    const isSame = phase === rollout.phase && percent === rollout.percent && sinceMs === rollout.sinceMs;
    return isSame && JSON.stringify(this.#canary) === JSON.stringify(canary);
  }

  /** The last verdict, in words, and what it was made by. */
  get found(): { readonly why: string } & Counts {
    return { why: this.#verdict.why, ...this.#seen };
  }

  /** What is to be done now; undefined: nothing. */
  look(counts: Counts, nowMs: number): Move | undefined {
    this.#seen = { own: since(counts.own, this.#from.own), others: since(counts.others, this.#from.others) };
    const verdict = judge(this.#canary, this.#seen.own, this.#seen.others);
    const isJudged = this.#seen.own.requests >= this.#canary.minRequests;
    // Of a window that has just begun nothing is known: what was found before holds.
    if (isJudged || !this.#hasJudged) this.#verdict = verdict;
    this.#hasJudged ||= isJudged;
    if (isJudged && verdict.kind === "bad") return moveTo("rolled-back", 0, verdict.why);
    if (isJudged && nowMs - this.#fromMs >= LIMITS.canary.windowMs) {
      this.#from = counts;
      this.#fromMs = nowMs;
    }
    const { phase, percent } = this.#rollout;
    if (phase === "paused" || this.#verdict.kind !== "good") return undefined;
    if (nowMs - this.#beganMs < durationMs(this.#canary.every)) return undefined;
    const next = this.#canary.steps.find((step) => step > percent);
    if (next === undefined) return moveTo("complete", percent, this.#verdict.why);
    return moveTo("running", next, this.#verdict.why);
  }
}

function moveTo(phase: Move["phase"], percent: number, why: string): Move {
  return { action: "move", phase, percent, why };
}
