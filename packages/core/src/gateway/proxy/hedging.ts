/**
 * Hedged requests (Dean and Barroso, "The Tail at Scale", CACM 2013): when the backend that was asked has not begun its answer
 * for longer than most take, another one is asked too, and the first answer counts. Within a budget: a route whose backends are
 * all slow gets a few more requests, not twice as many.
 */
import { LIMITS } from "../../domain/limits.ts";
import type { RouteHedge } from "../../domain/route-hedge.ts";
import { Budget } from "./budget.ts";
import { RecentDurations } from "./percentile.ts";

const { hedgePercent, hedgeAfterAnswers, maxSavedRetries } = LIMITS.delivery;
/** So many answers are counted before the percentile is looked at anew. */
const LOOK_EVERY = 50;

/** What stays when the route changes. */
export interface HedgeState {
  readonly budget: Budget;
  readonly durations: RecentDurations;
}

export function newHedgeState(nowMs: () => number): HedgeState {
  return { budget: new Budget(budgetRules(hedgePercent), nowMs), durations: new RecentDurations() };
}

/** Nothing is lent: it is never more than so many of a hundred. */
function budgetRules(percent: number) {
  return { percent, lent: 0, max: maxSavedRetries, lendEveryMs: Number.POSITIVE_INFINITY };
}

/** What a route says of it, made ready once. */
export class Hedging {
  readonly most: number;
  readonly #state: HedgeState;
  readonly #part: number | undefined;
  /** Undefined: not known yet. */
  #delayMs: number | undefined;
  #lookAt: number = hedgeAfterAnswers;

  constructor({ after, afterMs, most = 1, budgetPercent = hedgePercent }: RouteHedge, state: HedgeState) {
    this.most = most;
    this.#state = state;
    this.#delayMs = afterMs;
    this.#part = after === undefined ? undefined : Number(after.slice(1)) / 100;
    state.budget.change(budgetRules(budgetPercent));
  }

  /** How long an answer is waited for; undefined: it is not known yet how long they take. */
  get delayMs(): number | undefined {
    const { durations } = this.#state;
    if (this.#part === undefined || durations.seen < this.#lookAt) return this.#delayMs;
    this.#lookAt = durations.seen + LOOK_EVERY;
    this.#delayMs = Math.max(1, Math.ceil(durations.below(this.#part)));
    return this.#delayMs;
  }

  /** A request has come that may be hedged. */
  begin(): void {
    this.#state.budget.fill();
  }

  /** Whether one more may be sent; it counts as sent. */
  take(): boolean {
    return this.#state.budget.take();
  }

  /** The first head of a request came after so long, whoever sent it: who was outrun would have taken longer. */
  observe(ms: number): void {
    if (this.#part !== undefined) this.#state.durations.observe(ms);
  }
}
