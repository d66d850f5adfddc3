/** Compaction: history before a revision goes, from memory and from the log. */
import { SkerryError } from "../domain/errors.ts";
import type { Entry } from "../domain/store.ts";
import type { Logger } from "../domain/telemetry.ts";
import { type CommitQueue, failureOf } from "./commit.ts";
import type { LeaseTable } from "./leases.ts";
import { type LogDriver, type LogHeader, LogLost, type SnapshotPart } from "./log.ts";
import type { State } from "./state.ts";

/** Entries of one part of a snapshot. */
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
  #running = false;

  constructor(parts: CompactorParts) {
    this.#parts = parts;
    this.#header = parts.header;
    this.#oldest = parts.header.base === 0 ? 0 : parts.header.base + 1;
    this.#nextAt = this.#oldest + 2 * parts.keepRevisions;
  }

  /** Oldest revision that may be read and watched from. */
  get oldest(): number {
    return this.#oldest;
  }

  /**
   * Called with each new durable revision. History grows to twice what is kept and is then cut, so that the cost of the
   * rewriting is spread over many writes.
   */
  consider(durable: number): void {
    const { keepRevisions, log } = this.#parts;
    if (this.#running || durable < this.#nextAt) return;
    this.#nextAt = durable + keepRevisions;
    this.compact(durable - keepRevisions + 1).catch((error: unknown) => {
      log?.warn({ err: error, revision: durable }, "Compacting the store failed; it goes on and will try again.");
    });
  }

  /** `revision` is durable and not compacted. @throws `exhausted/disk` and the store goes on as before. */
  async compact(revision: number): Promise<void> {
    // Before the first revision there is nothing that could go.
    if (revision <= 1) return;
    this.#oldest = Math.max(this.#oldest, revision);
    await this.#parts.commits.exclusive(async () => {
      this.#running = true;
      try {
        await this.#rewrite(revision - 1);
      } finally {
        this.#running = false;
      }
    });
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
      const entries: Entry[] = [];
      for (const entry of state.range("", base, after)) {
        entries.push(entry);
        if (entries.length === PART_ENTRIES) break;
      }
      const last = entries.at(-1);
      if (!last) break;
      yield JSON.stringify({ entries } satisfies SnapshotPart);
      after = last.key;
    }
    yield JSON.stringify({ leases: leases.all(), last: true } satisfies SnapshotPart);
  }
}

function compactionError(error: unknown): SkerryError {
  if (error instanceof LogLost) return failureOf(error);
  const failure = failureOf(error);
  if (failure.code !== "exhausted") return failure;
  return new SkerryError("exhausted/disk", "There is no room to rewrite the store's log; its history stays.", {
    hint: "Free space on the disk of the data directory.",
    cause: error,
  });
}
