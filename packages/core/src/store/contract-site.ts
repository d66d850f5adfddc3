/** What the parts of the contract share: where a store lives, and short words for what they do to it. */
import assert from "node:assert/strict";
import { isError } from "../domain/errors.ts";
import type { Clock } from "../domain/ports.ts";
import type { Entry, Json, Op, Store, Transaction } from "../domain/store.ts";

export interface ManualClock extends Clock {
  advance(ms: number): Promise<void>;
  readonly sleepers: number;
}

/** A place where one store lives at a time, e.g. a directory of its own. */
export interface StoreSite extends AsyncDisposable {
  readonly clock: ManualClock;
  /** Opens it, or opens it again after it was closed. */
  open(options?: { readonly keepRevisions?: number }): Promise<Store>;
}

export const put = (key: string, value: Json = 1, more: Partial<Extract<Op, { op: "put" }>> = {}): Op => ({
  op: "put",
  key,
  value,
  ...more,
});

/** A transaction without compares. */
export const always = (...ops: Op[]): Transaction => ({
  then: ops,
});

export const keysOf = (entries: readonly Entry[]): string[] => entries.map((entry) => entry.key);

export const rejects = (action: Promise<unknown>, id: Parameters<typeof isError>[1]): Promise<void> =>
  assert.rejects(action, (error) => isError(error, id) || assert.fail(`expected ${id}, got ${String(error)}`));
