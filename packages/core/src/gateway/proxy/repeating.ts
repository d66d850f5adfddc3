/** What routes say of asking again, or another one besides, made ready once; their budgets stay when the route changes. */

import { LIMITS } from "../../domain/limits.ts";
import type { Delivery, RetryCause } from "../../domain/route-delivery.ts";
import { Budget, type BudgetRules } from "./budget.ts";
import { type HedgeState, Hedging, newHedgeState } from "./hedging.ts";
import { SAFE } from "./methods.ts";

/** When a request may be sent again. */
export interface Repeating {
  /** More than the first one. */
  readonly attempts: number;
  readonly on: ReadonlySet<RetryCause>;
  readonly backoffMs: number;
  readonly budget: Budget;
  /** Of requests that only read. */
  readonly hedging: Hedging | undefined;
}

interface Said extends Delivery {
  /** Of the route. */
  readonly id: string;
}

const { budgetPercent, backoffMs, lentRetries, maxSavedRetries, lendRetryEveryMs, maxBudgets } = LIMITS.delivery;

export class RouteRepeating {
  readonly #nowMs: () => number;
  readonly #made = new WeakMap<Said, Repeating>();
  /** By id of the route, that which was used last at the end. */
  readonly #budgets = new Map<string, Budget>();
  readonly #hedges = new Map<string, HedgeState>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Undefined: a request of this method is sent once, to one. */
  of(said: Said, method: string): Repeating | undefined {
    if (said.retries === undefined && (said.hedge === undefined || !SAFE.has(method))) return undefined;
    let made = this.#made.get(said);
    if (made === undefined) {
      made = this.#make(said);
      this.#made.set(said, made);
    }
    return made;
  }

  #make({ id, retries, hedge }: Said): Repeating {
    const percent = retries === undefined ? 0 : (retries.budgetPercent ?? budgetPercent);
    const lent = percent === 0 ? 0 : lentRetries;
    const rules: BudgetRules = { percent, lent, max: maxSavedRetries, lendEveryMs: lendRetryEveryMs };
    const make = () => new Budget(rules, this.#nowMs);
    const budget = retries === undefined ? make() : remembered(this.#budgets, id, make);
    budget.change(rules);
    return {
      attempts: retries?.attempts ?? 0,
      on: new Set<RetryCause>(retries?.on ?? DEFAULT_CAUSES),
      backoffMs: retries?.backoffMs ?? backoffMs,
      budget,
      hedging:
        hedge &&
        new Hedging(
          hedge,
          remembered(this.#hedges, id, () => newHedgeState(this.#nowMs)),
        ),
    };
  }
}

/** The one of the route, made when there is none. */
function remembered<T>(all: Map<string, T>, id: string, make: () => T): T {
  const found = all.get(id) ?? make();
  all.delete(id);
  all.set(id, found);
  if (all.size > maxBudgets) all.delete(all.keys().next().value as string);
  return found;
}

const DEFAULT_CAUSES: readonly RetryCause[] = ["connect", "reset", "502", "503", "504"];
