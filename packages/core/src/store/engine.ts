/**
 * The store over a log: evaluates transactions in memory in the order in which they come, makes them durable in groups, and
 * shows a revision to readers and watchers only then.
 */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { newUid } from "../domain/resource.ts";
import type {
  Entry,
  Lease,
  ListOptions,
  Page,
  Store,
  Transaction,
  TransactionResult,
  WatchEvent,
  WatchOptions,
} from "../domain/store.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import { CommitQueue, closedError } from "./commit.ts";
import { Compactor } from "./compaction.ts";
import { deepFreeze } from "./json.ts";
import { LeaseTable } from "./leases.ts";
import type { LogDriver, NumberedRecord, RecoveredLog } from "./log.ts";
import { observeStore } from "./metrics.ts";
import { assertSelector, matchesSelector } from "./selector.ts";
import { type Revision, State } from "./state.ts";
import { assertCount, assertKey, assertLeaseTime, assertPrefix, stagedOp, stageTransaction } from "./validate.ts";
import { WatchHub } from "./watch.ts";

export interface EngineOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly metrics?: Metrics;
  /** Default: `LIMITS.store.keepRevisions`. */
  readonly keepRevisions?: number;
}

/**
 * The store over what a driver found. Closes the driver when it cannot be used.
 * @throws `internal/corrupt` when the records do not fit together.
 */
export async function startEngine(driver: LogDriver, recovered: RecoveredLog, options: EngineOptions): Promise<Store> {
  try {
    return new Engine(driver, recovered, options);
  } catch (error) {
    await driver.close();
    throw error;
  }
}

export class Engine implements Store {
  readonly #options: EngineOptions;
  readonly #driver: LogDriver;
  readonly #state = new State();
  readonly #leases: LeaseTable;
  readonly #watches: WatchHub;
  readonly #commits: CommitQueue;
  readonly #compactor: Compactor;
  /** Newest revision that readers may see. */
  #durable = 0;
  /** Sequence number of the newest record, durable or not. */
  #seq = 0;
  #closing: Promise<void> | undefined;

  /** Takes the driver over, with what it found. @throws `internal/corrupt` when the records do not fit together. */
  constructor(driver: LogDriver, recovered: RecoveredLog, options: EngineOptions) {
    this.#driver = driver;
    this.#options = options;
    this.#leases = new LeaseTable(options.clock, (id) => this.#expire(id));
    this.#replay(recovered);
    this.#commits = new CommitQueue(driver, this.#seq, {
      onDurable: (seq, revision) => this.#publish(seq, revision),
      onFailure: (failure) => this.#onFailure(failure),
    });
    this.#compactor = new Compactor({
      driver,
      state: this.#state,
      leases: this.#leases,
      commits: this.#commits,
      header: recovered.header,
      keepRevisions: options.keepRevisions ?? LIMITS.store.keepRevisions,
      ...(options.log ? { log: options.log } : {}),
    });
    this.#watches = new WatchHub({
      state: this.#state,
      clock: options.clock,
      durable: () => this.#durable,
      oldest: () => this.#compactor.oldest,
    });
    this.#leases.start();
    observeStore(options.metrics, driver.name, {
      revision: () => this.#durable,
      keys: () => this.#state.keyCount,
      watchers: () => this.#watches.size,
      leases: () => this.#leases.size,
      pending: () => this.#commits.waiting,
      failed: () => (this.failure ? 1 : 0),
    });
  }

  get revision(): number {
    return this.#durable;
  }

  get failure(): Error | undefined {
    return this.#commits.failure;
  }

  async get(key: string, options: { revision?: number } = {}): Promise<Entry | undefined> {
    assertKey(key);
    return this.#state.get(key, this.#readRevision(options.revision));
  }

  async list(options: ListOptions): Promise<Page> {
    assertPrefix(options.prefix);
    if (options.after !== undefined) assertPrefix(options.after);
    const selector = options.selector ?? [];
    assertSelector(selector);
    const most = LIMITS.store.maxPageEntries;
    if (options.limit !== undefined) assertCount(options.limit, "limit");
    if (options.limit === 0) throw new SkerryError("invalid", "limit is at least 1.", { details: { field: "limit" } });
    const limit = Math.min(options.limit ?? most, most);
    const revision = this.#readRevision(options.revision);
    const entries: Entry[] = [];
    for (const entry of this.#state.range(options.prefix, revision, options.after)) {
      if (!matchesSelector(entry.labels, selector)) continue;
      if (entries.length === limit) return { entries, revision, next: (entries.at(-1) as Entry).key };
      entries.push(entry);
    }
    return { entries, revision };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    const staged = stageTransaction(transaction);
    this.#assertWritable();
    this.#commits.assertRoom();
    const succeeded = staged.compare.every((compare) => this.#state.holds(compare));
    const branch = succeeded ? staged.then : staged.otherwise;
    for (const op of branch.ops) if (op.op === "put" && op.lease !== undefined) this.#assertLease(op.lease);
    const { results, changes } = this.#state.apply(branch.ops, this.#seq + 1, branch.logged.length);
    const revision = this.#state.head;
    this.#leases.follow(changes);
    // What was read may not be durable yet either, so even a pure read waits for what was there before it.
    if (changes.length === 0) await this.#commits.settled();
    else await this.#commits.add(++this.#seq, revision, `"rev":${revision},"ops":[${branch.logged}]`);
    return { succeeded, revision, results };
  }

  watch(options: WatchOptions): AsyncIterable<WatchEvent> {
    assertPrefix(options.prefix);
    if (options.from !== undefined) assertCount(options.from, "from");
    return this.#watches.open(options);
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    assertLeaseTime(ttlMs);
    this.#assertWritable();
    this.#commits.assertRoom();
    if (this.#leases.size >= LIMITS.store.maxLeases) {
      throw new SkerryError("exhausted/overload", `There are already ${LIMITS.store.maxLeases} leases.`);
    }
    const lease: Lease = Object.freeze({ id: newUid(this.#options.random), ttlMs });
    this.#leases.grant(lease);
    await this.#commits.add(
      ++this.#seq,
      this.#state.head,
      `"rev":${this.#state.head},"ops":[],"grant":${JSON.stringify(lease)}`,
    );
    return lease;
  }

  async keepLeaseAlive(id: string): Promise<void> {
    this.#assertWritable();
    this.#assertLease(id);
    this.#leases.renew(id);
  }

  async revokeLease(id: string): Promise<void> {
    this.#assertWritable();
    this.#assertLease(id);
    await this.#endLease(id);
  }

  async compact(revision: number): Promise<void> {
    assertCount(revision, "revision");
    this.#assertWritable();
    await this.#compactor.compact(this.#readRevision(revision));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#leases.stop();
    this.#watches.close();
    await this.#commits.idle();
    await this.#driver.close();
  }

  #readRevision(revision: number | undefined): number {
    if (revision === undefined) return this.#durable;
    assertCount(revision, "revision");
    if (revision > this.#durable) {
      throw new SkerryError("invalid", `Revision ${revision} is in the future; the newest is ${this.#durable}.`);
    }
    const { oldest } = this.#compactor;
    if (revision < oldest) {
      throw new SkerryError("conflict/compacted", `Revision ${revision} is compacted; the oldest is ${oldest}.`, {
        hint: "Begin again without a revision.",
        details: { oldest },
      });
    }
    return revision;
  }

  #publish(seq: number, revision: number): void {
    this.#leases.settle(seq);
    while (this.#durable < revision) {
      const published = this.#state.at(++this.#durable) as Revision;
      this.#watches.publish(published);
      this.#compactor.count(published);
    }
    this.#compactor.consider(revision);
  }

  #onFailure(failure: SkerryError): void {
    this.#leases.stop();
    this.#options.log?.error(
      { err: failure.cause ?? failure, driver: this.#driver.name, revision: this.#durable },
      `${failure.message} ${failure.hint ?? ""}`,
    );
  }

  #assertWritable(): void {
    if (this.#closing) throw closedError("it was closed");
    const { failure } = this.#commits;
    if (failure) throw closedError("a write failed before", failure);
  }

  #assertLease(id: string): void {
    if (this.#leases.has(id)) return;
    throw new SkerryError("not_found", "The lease has ended or never was.", {
      hint: "Get a new lease and put the keys again.",
    });
  }

  #expire(id: string): void {
    // When it fails the store has failed, which is logged there.
    this.#endLease(id).catch(() => undefined);
  }

  async #endLease(id: string): Promise<void> {
    const seq = ++this.#seq;
    const keys = this.#leases.end(id, seq);
    const ops = JSON.stringify(keys.map((key) => ({ delete: key })));
    const deletes = keys.map((key) => ({ op: "delete", key }) as const);
    this.#leases.follow(this.#state.apply(deletes, seq, ops.length).changes);
    const rev = this.#state.head;
    await this.#commits.add(seq, rev, `"rev":${rev},"ops":${ops},"end":${JSON.stringify(id)}`);
  }

  #replay({ header, snapshot, records }: RecoveredLog): void {
    this.#seq = header.seq;
    for (const part of snapshot) for (const lease of part.leases ?? []) this.#leases.grant(lease);
    const entries = snapshot.flatMap((part) => part.entries ?? []).map(deepFreeze);
    this.#state.restore(header.base, entries);
    for (const entry of entries) if (entry.lease !== undefined) this.#leases.attach(entry.lease, entry.key);
    for (const record of records) this.#replayRecord(record);
    this.#durable = this.#state.head;
  }

  #replayRecord(record: NumberedRecord): void {
    deepFreeze(record.ops);
    if (record.grant) this.#leases.grant(record.grant);
    const { changes } = this.#state.apply(record.ops.map(stagedOp), record.seq, record.sizeBytes);
    this.#leases.follow(changes);
    if (record.end !== undefined) {
      this.#leases.end(record.end, record.seq);
      this.#leases.settle(record.seq);
    }
    this.#seq = record.seq;
    if (this.#state.head !== record.rev) {
      throw new SkerryError(
        "internal/corrupt",
        `Record ${record.seq} of the store leads to revision ${this.#state.head} and says ${record.rev}.`,
        {
          hint: "Restore the data directory from a backup and report this: the log and the program disagree.",
        },
      );
    }
  }
}
