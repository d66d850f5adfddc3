/**
 * Drafts: work that writes, on top of what the store has, and is kept apart from it. What a draft has written it reads again;
 * all of it can then become one transaction, which holds only while everything that the work relied on is as it was.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { isDeepStrictEqual } from "node:util";
import { LIMITS } from "../domain/limits.ts";
import type { Compare, Entry, ListOptions, Op, Page, Store, Transaction, TransactionResult } from "../domain/store.ts";
import { matchesSelector } from "./selector.ts";
import { type StagedOp, stageTransaction } from "./validate.ts";

export class Draft {
  readonly #store: Store;
  /** Undefined: deleted. */
  readonly #written = new Map<string, Entry | undefined>();
  /** Revisions of the last change of what was compared or written, as they were in the store then. */
  readonly #relied = new Map<string, number>();
  #writes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** By key; undefined: deleted. */
  get written(): ReadonlyMap<string, Entry | undefined> {
    return this.#written;
  }

  /** What makes all of it so. */
  transaction(): Transaction {
    const compare = [...this.#relied].map(([key, modRevision]) => ({ key, modRevision }));
    const then = [...this.#written].flatMap(([key, entry]): Op[] => {
      if (entry !== undefined) return [{ op: "put", key, value: entry.value, labels: entry.labels }];
      return this.#relied.get(key) === 0 ? [] : [{ op: "delete", key }];
    });
    return { compare, then };
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#written.has(key) ? this.#written.get(key) : this.#store.get(key);
  }

  async list({ prefix, selector = [], limit, after = "" }: ListOptions): Promise<Page> {
    const all = new Map<string, Entry>();
    let from: string | undefined;
    let revision: number;
    do {
      const page: Page = await this.#store.list({ prefix, ...(from === undefined ? {} : { after: from }) });
      for (const entry of page.entries) all.set(entry.key, entry);
      from = page.next;
      revision = page.revision;
    } while (from !== undefined);
    for (const [key, entry] of this.#written) {
      if (!key.startsWith(prefix)) continue;
      if (entry === undefined) all.delete(key);
      else all.set(key, entry);
    }
    const found = [...all.values()]
      .filter(({ key, labels }) => key > after && matchesSelector(labels, selector))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const entries = found.slice(0, Math.min(limit ?? LIMITS.store.maxPageEntries, LIMITS.store.maxPageEntries));
    const last = entries.at(-1)?.key;
    return { entries, revision, ...(entries.length < found.length && last !== undefined ? { next: last } : {}) };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    const { compare, then, otherwise } = stageTransaction(transaction);
    for (const { key } of compare) await this.#rely(key);
    const held = await Promise.all(compare.map(async (one) => holds(one, await this.get(one.key))));
    const succeeded = held.every(Boolean);
    const results: (Entry | undefined)[] = [];
    for (const op of (succeeded ? then : otherwise).ops) results.push(await this.#do(op));
    return { succeeded, revision: this.#store.revision, results };
  }

  async #rely(key: string): Promise<void> {
    if (this.#relied.has(key) || this.#written.has(key)) return;
    const modRevision = (await this.#store.get(key))?.modRevision ?? 0;
    if (!this.#relied.has(key)) this.#relied.set(key, modRevision);
  }

  async #do(op: StagedOp): Promise<Entry | undefined> {
    if (op.op === "delete-prefix") {
      const { entries } = await this.list({ prefix: op.prefix });
      for (const { key } of entries) await this.#do({ op: "delete", key });
      return undefined;
    }
    await this.#rely(op.key);
    const before = await this.get(op.key);
    if (op.op === "get") return before;
    if (op.op === "delete") {
      this.#written.set(op.key, undefined);
      return before;
    }
    // A revision that nothing in the store has.
    const modRevision = this.#store.revision + ++this.#writes;
    const entry: Entry = {
      ...{ key: op.key, value: op.value, labels: op.labels, modRevision },
      createRevision: before?.createRevision ?? modRevision,
      version: (before?.version ?? 0) + 1,
    };
    this.#written.set(op.key, entry);
    return entry;
  }
}

export class Drafts {
  readonly #current = new AsyncLocalStorage<Draft>();
  readonly #under: Store;
  /** For those who may work in drafts. What is read of the past, and watched, is never of a draft. */
  readonly store: Store;

  constructor(store: Store) {
    this.#under = store;
    this.store = this.#aware(store);
  }

  /** Does the work in a draft. What it leaves running goes on in it. @throws what the work throws. */
  async run(work: () => Promise<unknown>): Promise<Draft> {
    const draft = new Draft(this.#under);
    await this.#current.run(draft, work);
    return draft;
  }

  /** All of the draft or nothing; not when something that it relied on, or `compare`, is not so any more. */
  async commit(draft: Draft, compare: readonly Compare[]): Promise<TransactionResult> {
    const transaction = draft.transaction();
    return this.#under.transact({ ...transaction, compare: [...(transaction.compare ?? []), ...compare] });
  }

  #aware(store: Store): Store {
    return {
      get revision() {
        return store.revision;
      },
      get failure() {
        return store.failure;
      },
      get: (key, options) => {
        const draft = options?.revision === undefined ? this.#current.getStore() : undefined;
        return draft === undefined ? store.get(key, options) : draft.get(key);
      },
      list: (options) => {
        const draft = options.revision === undefined ? this.#current.getStore() : undefined;
        return draft === undefined ? store.list(options) : draft.list(options);
      },
      transact: (transaction) => (this.#current.getStore() ?? store).transact(transaction),
      watch: (options) => store.watch(options),
      grantLease: (ttlMs) => store.grantLease(ttlMs),
      keepLeaseAlive: (id) => store.keepLeaseAlive(id),
      revokeLease: (id) => store.revokeLease(id),
      compact: (revision) => store.compact(revision),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }
}

export function holds(compare: Compare, entry: Entry | undefined): boolean {
  if (compare.modRevision !== undefined && compare.modRevision !== (entry?.modRevision ?? 0)) return false;
  if (compare.version !== undefined && compare.version !== (entry?.version ?? 0)) return false;
  return compare.value === undefined || (entry !== undefined && isDeepStrictEqual(entry.value, compare.value));
}
