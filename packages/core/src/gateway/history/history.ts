/**
 * What was changed of the gateway, project by project: each transaction that changes routes, upstreams, certificates or lists
 * of networks is a generation, written down in that same transaction. Kept is what each thing was before; what it was after
 * stands in the next generation that changes it, or is there now. So the oldest can go and the rest stays whole. What the
 * gateway itself moves on (canaries) is none: it belongs to the generation in which it happens.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { isDeepStrictEqual } from "node:util";
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock } from "../../domain/ports.ts";
import type { Compare, Entry, Json, Op, Store, Transaction, TransactionResult } from "../../domain/store.ts";
import { Turns } from "../../domain/turns.ts";
import { boundedKept, changesIn, type Kept, type KeyChange, keptOf, placeIn } from "./changes.ts";

const { maxGenerations, maxBytes, maxForgottenAtOnce } = LIMITS.history;
const ATTEMPTS = LIMITS.gateway.maxTransactionAttempts;

/** Who changes something, and by what. */
export interface Author {
  readonly uid: string;
  readonly name: string;
  /** Id of the API's route: `route.update`. */
  readonly action: string;
  readonly requestId?: string;
  /** The generation that was gone back to. */
  readonly backTo?: number;
}

/** One generation, without what things were. */
export interface Generation {
  readonly generation: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly author: Author;
  readonly changes: readonly KeyChange[];
  /** Bytes of what it keeps, about. */
  readonly sizeBytes: number;
}

/** Of a project; absent: nothing has changed since its beginning, or since there is history. */
interface Head {
  readonly newest: number;
  /** The oldest that is kept. */
  readonly oldest: number;
  readonly sizeBytes: number;
}

const SYSTEM: Author = { uid: "system", name: "system", action: "system" };
const NOTHING: Head = { newest: 0, oldest: 1, sizeBytes: 0 };

export class GatewayHistory {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #author = new AsyncLocalStorage<Author>();
  readonly #isUnrecorded = new AsyncLocalStorage<true>();
  /** One change of a project after another: each has the next number. */
  readonly #turns = new Turns();

  constructor(options: { store: Store; clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** What the work changes is written down as this author's. */
  by<T>(author: Author, work: () => Promise<T>): Promise<T> {
    return this.#author.run(author, work);
  }

  /** What the work changes is no generation. */
  unrecorded<T>(work: () => Promise<T>): Promise<T> {
    return this.#isUnrecorded.run(true, work);
  }

  /** The store for those who change the gateway's kinds. */
  store(): Store {
    const store = this.#store;
    const transact = (transaction: Transaction) => this.#transact(transaction);
    return new Proxy(store, {
      get: (target, name) => {
        if (name === "transact") return transact;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  /** The newest generation, and the oldest that is kept (one above when none is). */
  async range(project: string): Promise<{ newest: number; oldest: number; revision: number }> {
    const entry = await this.#store.get(headKey(project));
    const { newest, oldest } = headOf(entry);
    return { newest, oldest, revision: entry?.modRevision ?? 0 };
  }

  /** Holds while nothing of the project changes. `revision` as `range` gave it. */
  unchanged(project: string, revision: number): Compare {
    return { key: headKey(project), modRevision: revision };
  }

  /** The newest first. `before`: only older ones. */
  async list(project: string, limit: number, before?: number): Promise<readonly Generation[]> {
    const { newest, oldest } = await this.range(project);
    const found: Generation[] = [];
    for (let n = Math.min(newest, (before ?? newest + 1) - 1); n >= oldest && found.length < limit; n--) {
      found.push(await this.expect(project, n));
    }
    return found;
  }

  /** @throws `not_found`. */
  async expect(project: string, generation: number): Promise<Generation> {
    const found = await this.#find(project, generation);
    if (found !== undefined) return found;
    const { newest, oldest } = await this.range(project);
    const kept = newest === 0 ? "nothing has been changed yet" : `there are ${oldest} to ${newest}`;
    throw new SkerryError("not_found", `There is no generation ${generation}: ${kept}.`, {
      hint: "skerry gateway history shows them.",
    });
  }

  async #find(project: string, generation: number): Promise<Generation | undefined> {
    return (await this.#store.get(generationKey(project, generation)))?.value as unknown as Generation | undefined;
  }

  /** What the thing at `key` was before the generation that changed it; undefined: it was not there. */
  async before(project: string, generation: number, key: string): Promise<Kept | undefined> {
    const entry = await this.#store.get(keptKey(project, generation, key));
    return entry?.value as unknown as Kept | undefined;
  }

  /** What it was after that generation: as the next one that changes it found it, or as it is. */
  async after(project: string, generation: number, key: string): Promise<Kept | undefined> {
    const { newest } = await this.range(project);
    for (let n = generation + 1; n <= newest; n++) {
      const later = await this.#find(project, n);
      if (later?.changes.some((change) => change.key === key) === true) return this.before(project, n, key);
    }
    return keptOf(await this.#store.get(key));
  }

  /**
   * What has changed since the generation, by key of the store, and what it was then (undefined: not there). 0 is what was
   * there before the first. @throws `not_found` when it, or what came after it, is not kept.
   */
  async changedSince(project: string, generation: number): Promise<ReadonlyMap<string, Kept | undefined>> {
    const { newest, oldest } = await this.range(project);
    if (generation < oldest - 1 || generation > newest) await this.expect(project, generation);
    const found = new Map<string, Kept | undefined>();
    for (let n = newest; n > generation; n--) {
      const { changes } = await this.expect(project, n);
      for (const { key } of changes) found.set(key, await this.before(project, n, key));
    }
    return found;
  }

  /** Of a project that goes. */
  async clear(project: string): Promise<void> {
    const then: Op[] = [{ op: "delete-prefix", prefix: `/gateway-history/${project}/` }];
    if ((await this.#store.get(headKey(project))) !== undefined) await this.#store.transact({ then });
  }

  #transact(transaction: Transaction): Promise<TransactionResult> {
    const keys = changesIn(transaction.then);
    const [first] = keys;
    if (first === undefined || this.#isUnrecorded.getStore() === true) return this.#store.transact(transaction);
    const { project } = placeIn(first.key);
    const author = this.#author.getStore() ?? SYSTEM;
    return this.#turns.take(project, () => this.#record(project, transaction, author));
  }

  async #record(project: string, transaction: Transaction, author: Author): Promise<TransactionResult> {
    for (let attempt = 1; ; attempt++) {
      const headEntry = await this.#store.get(headKey(project));
      const head = headOf(headEntry);
      const { changes, compare, then, sizeBytes } = await this.#changes(project, head.newest + 1, transaction.then);
      if (changes.length === 0) return this.#store.transact(transaction);
      const generation: Generation = {
        ...{ generation: head.newest + 1, time: new Date(this.#clock.wallMs()).toISOString(), author, changes },
        sizeBytes,
      };
      const result = await this.#store.transact({
        ...transaction,
        compare: [...(transaction.compare ?? []), ...compare, this.unchanged(project, headEntry?.modRevision ?? 0)],
        then: [
          ...transaction.then,
          { op: "put", key: generationKey(project, generation.generation), value: generation as unknown as Json },
          ...then,
          ...(await this.#forget(project, head, generation)),
        ],
      });
      if (result.succeeded) return { ...result, results: result.results.slice(0, transaction.then.length) };
      // Somebody else's change got this number: what was asked for may hold all the same.
      const now = await this.#store.get(headKey(project));
      if (now?.modRevision === headEntry?.modRevision || attempt === ATTEMPTS) return result;
    }
  }

  /** What differs from what is there, and what writes down what it was. */
  async #changes(project: string, generation: number, ops: readonly Op[]) {
    const changes: KeyChange[] = [];
    const compare: Compare[] = [];
    const then: Op[] = [];
    let sizeBytes = 0;
    for (const { key, value } of changesIn(ops)) {
      const entry = await this.#store.get(key);
      const before = keptOf(entry);
      // As it will be read: without what is undefined.
      const after = value === undefined ? undefined : keptOf({ key, value: JSON.parse(JSON.stringify(value)) as Json });
      // A certificate is sealed anew each time: what is kept of it tells whether it is another.
      if (isDeepStrictEqual(before, after)) continue;
      compare.push({ key, modRevision: entry?.modRevision ?? 0 });
      const { kind, name } = placeIn(key);
      const result = before === undefined ? "created" : after === undefined ? "deleted" : "updated";
      const uid = (after ?? before)?.uid ?? "";
      changes.push({ key, kind, name, uid, result });
      const kept = before && boundedKept(before);
      sizeBytes += LIMITS.history.changeBytes + JSON.stringify(kept ?? null).length;
      if (kept === undefined) continue;
      then.push({ op: "put", key: keptKey(project, generation, key), value: kept as unknown as Json });
    }
    return { changes, compare, then, sizeBytes };
  }

  /** Writes down the new head; the oldest go while there is too much. The newest always stays. */
  async #forget(project: string, head: Head, { generation, sizeBytes }: Generation): Promise<Op[]> {
    const then: Op[] = [];
    let { oldest } = head;
    let total = head.sizeBytes + sizeBytes;
    while (oldest < generation && then.length < maxForgottenAtOnce) {
      if (generation - oldest < maxGenerations && total <= maxBytes) break;
      total -= (await this.#find(project, oldest))?.sizeBytes ?? 0;
      then.push({ op: "delete-prefix", prefix: generationKey(project, oldest) });
      oldest++;
    }
    const value: Head = { newest: generation, oldest, sizeBytes: Math.max(0, total) };
    return [...then, { op: "put", key: headKey(project), value: value as unknown as Json }];
  }
}

function headOf(entry: Entry | undefined): Head {
  return (entry?.value as unknown as Head | undefined) ?? NOTHING;
}

function headKey(project: string): string {
  return `/gateway-history/${project}/head`;
}

/** No other is a prefix of it. */
function generationKey(project: string, generation: number): string {
  return `/gateway-history/${project}/${String(generation).padStart(12, "0")}/`;
}

function keptKey(project: string, generation: number, key: string): string {
  const { kind, name } = placeIn(key);
  return `${generationKey(project, generation)}${kind}/${name}`;
}
