/**
 * Dry runs: the work itself, up to its first write, which is not done. So a dry run is refused by whatever would refuse the
 * work: permissions, rules, names that are taken, quotas.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { ObjectIndex } from "../domain/objects.ts";
import type { Store, Transaction } from "../domain/store.ts";
import { holds } from "./drafts.ts";
import { stageTransaction } from "./validate.ts";

/** Thrown where the first write would be. */
const FIRST_WRITE = new Error("This was a dry run.");

export class Rehearsals {
  /** What the work starts and leaves running must write when the rehearsal is over. */
  readonly #current = new AsyncLocalStorage<{ over: boolean }>();

  /** Resolves when the work could have been done, as far as can be known before. @throws what the work throws. */
  async run(work: () => Promise<unknown>): Promise<void> {
    const rehearsal = { over: false };
    try {
      await this.#current.run(rehearsal, work);
    } catch (error) {
      if (error !== FIRST_WRITE) throw error;
    } finally {
      rehearsal.over = true;
    }
  }

  /** The store for those whose work is rehearsed. */
  store(store: Store): Store {
    return {
      get revision() {
        return store.revision;
      },
      get failure() {
        return store.failure;
      },
      get: (key, options) => store.get(key, options),
      list: (options) => store.list(options),
      transact: async (transaction) => {
        if (!this.#isRunning()) return store.transact(transaction);
        return { succeeded: await this.#rehearse(store, transaction), revision: store.revision, results: [] };
      },
      watch: (options) => store.watch(options),
      grantLease: (ttlMs) => this.#write(() => store.grantLease(ttlMs)),
      keepLeaseAlive: (id) => this.#write(() => store.keepLeaseAlive(id)),
      revokeLease: (id) => this.#write(() => store.revokeLease(id)),
      compact: (revision) => this.#write(() => store.compact(revision)),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }

  /** The same for the object index. */
  index<T extends Pick<ObjectIndex, "batch" | "totals">>(index: T): Pick<ObjectIndex, "batch" | "totals"> {
    return {
      batch: (ops) => this.#write(() => index.batch(ops)),
      totals: (bucket) => index.totals(bucket),
    };
  }

  #isRunning(): boolean {
    return this.#current.getStore()?.over === false;
  }

  async #write<T>(write: () => Promise<T>): Promise<T> {
    if (this.#isRunning()) throw FIRST_WRITE;
    return write();
  }

  /** False when a compare does not hold: the work says then what that means. @throws when it would write; `invalid`. */
  async #rehearse(store: Store, transaction: Transaction): Promise<false> {
    const { compare, otherwise } = stageTransaction(transaction);
    const held = await Promise.all(compare.map(async (one) => holds(one, await store.get(one.key))));
    if (held.every(Boolean) || otherwise.ops.length > 0) throw FIRST_WRITE;
    return false;
  }
}
