/** Compaction: history before a revision goes, from memory and from the log. */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Logger } from "../domain/telemetry.ts";
import { type CommitQueue, failureOf } from "./commit.ts";
import type { LeaseTable } from "./leases.ts";
import { type LogDriver, type LogHeader, LogLost, type SnapshotPart } from "./log.ts";
import type { Revision, State } from "./state.ts";

/** Most entries of one part of a snapshot. It also ends with the entry that makes it as long as a transaction may be. */
const PART_ENTRIES = 64;

interface CompactorParts {
  readonly driver: LogDriver;
  readonly state: State;
  readonly leases: LeaseTable;
  readonly commits: CommitQueue;
  readonly header: LogHeader;
  readonly keepRevisions: number;
  readonly log?: Logger;
}

export class Compactor {
  readonly #parts: CompactorParts;
  #header: LogHeader;
  #oldest: number;
  /** Automatic compaction waits for this revision. */
  #nextAt: number;
  /** Of the history that is kept, or a little more: what `compact` took away is found out later. */
  #historyBytes = 0;

  constructor(parts: CompactorParts) {
    this.#parts = parts;
    this.#header = parts.header;
    this.#oldest = parts.header.base === 0 ? 0 : parts.header.base + 1;
    this.#nextAt = this.#oldest + 2 * parts.keepRevisions;
    const { base, head } = parts.state;
    for (let revision = base + 1; revision <= head; revision++) this.count(parts.state.at(revision) as Revision);
  }

  /** Oldest revision that may be read and watched from. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Called with each new durable revision. */
  count(revision: Revision): void {
    this.#historyBytes += revision.sizeBytes;
  }

  /**
   * Called when all up to `durable` was counted. History grows to twice what is kept and is then cut, so that the cost of
   * the rewriting is spread over many writes.
   */
  consider(durable: number): void {
    const { keepRevisions, log } = this.#parts;
    if (durable < this.#nextAt && this.#historyBytes < 2 * LIMITS.store.keepBytes) return;
    this.#nextAt = durable + keepRevisions;
    this.compact(this.#firstKept(durable)).catch((error: unknown) => {
      log?.warn({ err: error, revision: durable }, "Compacting the store failed; it goes on and will try again.");
    });
  }

  /** The oldest revision that is kept with all after it; the newest always is. */
  #firstKept(durable: number): number {
    const { keepRevisions, state } = this.#parts;
    const sizeOf = (revision: number) => state.at(revision)?.sizeBytes ?? 0;
    const least = Math.max(state.base + 1, durable - keepRevisions + 1);
    let first = durable;
    this.#historyBytes = sizeOf(first);
    while (first > least && this.#historyBytes + sizeOf(first - 1) <= LIMITS.store.keepBytes) {
      this.#historyBytes += sizeOf(--first);
    }
    return first;
  }

  /**
   * `revision` is durable and not compacted.
   * @throws `exhausted/disk`, `unavailable` and the store goes on as before; `unavailable/closed` and it does not.
   */
  async compact(revision: number): Promise<void> {
    // Before the first revision there is nothing that could go.
    if (revision <= 1) return;
    this.#oldest = Math.max(this.#oldest, revision);
    await this.#parts.commits.exclusive(() => this.#rewrite(revision - 1));
  }

  /** Keeps the state as of `base` and all records after it. */
  async #rewrite(base: number): Promise<void> {
    const { driver, state, commits } = this.#parts;
    const first = state.at(base + 1);
    if (base <= state.base || !first) return;
    const header: LogHeader = { ...this.#header, base, seq: first.seq - 1 };
    try {
      await driver.rewrite(header, this.#snapshot(base), first.seq);
      this.#header = header;
    } catch (error) {
      if (error instanceof LogLost) commits.fail(error);
      throw compactionError(error);
    } finally {
      // Also when the log keeps its history: memory must not grow because the disk is full.
      state.prune(base);
    }
  }

  async *#snapshot(base: number): AsyncGenerator<string, void, undefined> {
    const { state, leases } = this.#parts;
    for (let after: string | undefined; ; ) {
      // Looked up again for each part: transactions go on while a driver writes the one before.
      const entries: string[] = [];
      let length = 0;
      for (const entry of state.range("", base, after)) {
        const text = JSON.stringify(entry);
        entries.push(text);
        length += text.length;
        after = entry.key;
        if (entries.length === PART_ENTRIES || length >= LIMITS.store.partBytes) break;
      }
      if (entries.length === 0) break;
      // JSON of a `SnapshotPart`.
      yield `{"entries":[${entries.join(",")}]}`;
    }
    yield JSON.stringify({ leases: leases.all(), last: true } satisfies SnapshotPart);
  }
}

function compactionError(error: unknown): SkerryError {
  if (error instanceof LogLost) return failureOf(error);
  if (failureOf(error).code !== "exhausted") {
    return new SkerryError("unavailable", "The store's log could not be rewritten; its history stays.", {
      hint: "The daemon's log has the cause. The store goes on and tries again later.",
      cause: error,
    });
  }
  return new SkerryError("exhausted/disk", "There is no room to rewrite the store's log; its history stays.", {
    hint: "Free space on the disk of the data directory.",
    cause: error,
  });
}
