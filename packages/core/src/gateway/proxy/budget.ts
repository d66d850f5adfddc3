/**
 * How many requests more than it was asked a worker sends for a route: a token bucket that each request fills a little, as
 * Finagle's RetryBudget and the retry throttling of gRPC (A6) have it. So an upstream that fails gets a little more, never a multiple.
 */
export interface BudgetRules {
  /** Of the requests that have come. */
  readonly percent: number;
  /** Tokens that are there before anything has come; the first requests pay them back. */
  readonly lent: number;
  /** Most tokens that are saved. */
  readonly max: number;
  /** A route that has had none for so long is lent one: else one that is asked seldom never could. */
  readonly lendEveryMs: number;
}

export class Budget {
  #rules: BudgetRules;
  readonly #nowMs: () => number;
  #tokens: number;
  #debt: number;
  #lentMs: number;

  /** `nowMs`: monotonic. */
  constructor(rules: BudgetRules, nowMs: () => number) {
    this.#rules = rules;
    this.#nowMs = nowMs;
    this.#tokens = rules.lent;
    this.#debt = rules.lent;
    this.#lentMs = nowMs();
  }

  /** Holds for what comes from now on. */
  change(rules: BudgetRules): void {
    this.#rules = rules;
  }

  /** A request has come. */
  fill(): void {
    const { percent, max } = this.#rules;
    const part = percent / 100;
    const paid = Math.min(part, this.#debt);
    this.#debt -= paid;
    this.#tokens = Math.min(max, this.#tokens + part - paid);
  }

  /** Whether one more may be sent; it counts as sent. */
  take(): boolean {
    // Sums of tenths are a little less than they should be.
    if (this.#tokens < 1 - 1e-9) this.#lend();
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens = Math.max(0, this.#tokens - 1);
    return true;
  }

  #lend(): void {
    const { percent, lendEveryMs } = this.#rules;
    const nowMs = this.#nowMs();
    if (percent === 0 || nowMs - this.#lentMs < lendEveryMs) return;
    this.#lentMs = nowMs;
    this.#tokens += 1;
    this.#debt += 1;
  }
}
