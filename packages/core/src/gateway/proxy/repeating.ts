/** What routes say of asking again, made ready once; their budgets stay when the route changes. */

import { LIMITS } from "../../domain/limits.ts";
import type { Delivery, RetryCause, RouteRetries } from "../../domain/route-delivery.ts";
import { Budget, type BudgetRules } from "./budget.ts";

/** When a request may be sent again. */
export interface Repeating {
  /** More than the first one. */
  readonly attempts: number;
  readonly on: ReadonlySet<RetryCause>;
  readonly backoffMs: number;
  readonly budget: Budget;
}

interface Said extends Delivery {
  /** Of the route. */
  readonly id: string;
}

const { budgetPercent, backoffMs, lentRetries, maxSavedRetries, lendRetryEveryMs, maxBudgets } = LIMITS.delivery;

export class RouteRepeating {
  readonly #nowMs: () => number;
  readonly #made = new WeakMap<RouteRetries, Repeating>();
  /** By id of the route, that which was used last at the end. */
  readonly #budgets = new Map<string, Budget>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  of({ id, retries }: Said): Repeating | undefined {
    if (retries === undefined) return undefined;
    let made = this.#made.get(retries);
    if (made === undefined) {
      const budget = this.#budgetOf(id, retries.budgetPercent ?? budgetPercent);
      const on = new Set<RetryCause>(retries.on ?? DEFAULT_CAUSES);
      made = { attempts: retries.attempts, on, backoffMs: retries.backoffMs ?? backoffMs, budget };
      this.#made.set(retries, made);
    }
    return made;
  }

  #budgetOf(id: string, percent: number): Budget {
    const rules: BudgetRules = {
      percent,
      lent: percent === 0 ? 0 : lentRetries,
      max: maxSavedRetries,
      lendEveryMs: lendRetryEveryMs,
    };
    const budget = this.#budgets.get(id) ?? new Budget(rules, this.#nowMs);
    budget.change(rules);
    this.#budgets.delete(id);
    this.#budgets.set(id, budget);
    if (this.#budgets.size > maxBudgets) this.#budgets.delete(this.#budgets.keys().next().value as string);
    return budget;
  }
}

const DEFAULT_CAUSES: readonly RetryCause[] = ["connect", "reset", "502", "503", "504"];
