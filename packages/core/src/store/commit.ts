/**
 * Group commit: transactions wait in order, and whatever waits while one sync runs shares the next. One thing at a time
 * touches the log.
 */
import { isError, SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { type LogDriver, type LogLine, LogLost } from "./log.ts";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Pending {
  readonly seq: number;
  readonly revision: number;
  /** JSON of the record without its braces and without `durable`, which is known only when it is written. */
  readonly body: string;
  readonly sizeBytes: number;
  readonly waiters: Waiter[];
}

interface Task extends Waiter {
  readonly run: () => Promise<void>;
}

export interface CommitObserver {
  /** All up to these is durable. Called before those who wait are answered. */
  onDurable(seq: number, revision: number): void;
  onFailure(failure: SkerryError): void;
}

export class CommitQueue {
  readonly #driver: LogDriver;
  readonly #observer: CommitObserver;
  #pending: Pending[] = [];
  #writing: Pending[] = [];
  readonly #tasks: Task[] = [];
  #pendingBytes = 0;
  #waiters = 0;
  #durableSeq: number;
  #running: Promise<void> | undefined;
  failure: SkerryError | undefined;

  constructor(driver: LogDriver, durableSeq: number, observer: CommitObserver) {
    this.#driver = driver;
    this.#durableSeq = durableSeq;
    this.#observer = observer;
    driver.onFailure?.((error) => this.fail(error));
  }

  /** Answers that wait for durability. */
  get waiting(): number {
    return this.#waiters;
  }

  /** @throws `exhausted/overload` when too much waits already. */
  assertRoom(): void {
    if (this.#waiters < LIMITS.store.maxPendingTransactions && this.#pendingBytes < LIMITS.store.maxPendingBytes)
      return;
    throw new SkerryError("exhausted/overload", "The store has too many writes waiting for the disk.", {
      hint: "Try again in a moment; if it lasts, the disk is too slow for this load.",
    });
  }

  /** Resolves when the record is durable. */
  add(seq: number, revision: number, body: string): Promise<void> {
    const pending: Pending = { seq, revision, body, sizeBytes: Buffer.byteLength(body), waiters: [] };
    this.#pending.push(pending);
    this.#pendingBytes += pending.sizeBytes;
    this.#start();
    return this.#wait(pending);
  }

  /** Resolves when everything added so far is durable; at once when it is. */
  async settled(): Promise<void> {
    const last = this.#pending.at(-1) ?? this.#writing.at(-1);
    if (last) await this.#wait(last);
  }

  /** Runs alone, after what is being written and before what waits. */
  exclusive(run: () => Promise<void>): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.#tasks.push({ run, resolve, reject });
      this.#start();
    });
  }

  /** Resolves when nothing is under way or waiting. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** No more writes: what waits fails, what is durable stays readable. */
  fail(cause: unknown): void {
    if (this.failure) return;
    const failure = failureOf(cause);
    this.failure = failure;
    this.#observer.onFailure(failure);
    const lost = [...this.#writing, ...this.#pending];
    this.#writing = [];
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const pending of lost) for (const waiter of pending.waiters) waiter.reject(failure);
    for (const task of this.#tasks.splice(0)) task.reject(failure);
  }

  #wait(pending: Pending): Promise<void> {
    this.#waiters++;
    return new Promise<void>((resolve, reject) => {
      pending.waiters.push({ resolve, reject });
    }).finally(() => this.#waiters--);
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (!this.failure && (this.#pending.length > 0 || this.#tasks.length > 0)) this.#start();
    });
  }

  async #run(): Promise<void> {
    // One turn, so that transactions of the same moment share the first sync too.
    await Promise.resolve();
    while (!this.failure && (this.#pending.length > 0 || this.#tasks.length > 0)) {
      const task = this.#tasks.shift();
      if (task) await task.run().then(task.resolve, task.reject);
      else await this.#write();
    }
  }

  async #write(): Promise<void> {
    const batch = this.#take();
    const last = batch.at(-1) as Pending;
    const lines: LogLine[] = batch.map(({ seq, body }) => ({ seq, body: `{"durable":${this.#durableSeq},${body}}` }));
    try {
      await this.#driver.append(lines);
    } catch (error) {
      this.fail(error);
    }
    if (this.failure) return;
    this.#writing = [];
    this.#durableSeq = last.seq;
    this.#observer.onDurable(last.seq, last.revision);
    for (const pending of batch) for (const waiter of pending.waiters) waiter.resolve();
  }

  #take(): Pending[] {
    let count = 0;
    let sizeBytes = 0;
    for (const pending of this.#pending) {
      sizeBytes += pending.sizeBytes;
      const full = count >= LIMITS.store.maxGroupCommit || sizeBytes > LIMITS.store.maxGroupCommitBytes;
      if (full && count > 0) break;
      count++;
    }
    this.#writing = this.#pending.splice(0, count);
    for (const pending of this.#writing) this.#pendingBytes -= pending.sizeBytes;
    return this.#writing;
  }
}

const DISK_FULL = new Set(["ENOSPC", "EDQUOT", "SQLITE_FULL"]);

/** What the callers get whose writes were lost. */
export function failureOf(error: unknown): SkerryError {
  const cause = error instanceof LogLost ? error.cause : error;
  if (isError(cause, "exhausted/disk") || isError(cause, "unavailable/closed")) return cause;
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (typeof code === "string" && DISK_FULL.has(code)) {
    return new SkerryError(
      "exhausted/disk",
      "The disk of the store is full; it takes no more writes until a restart.",
      {
        hint: "Free space on the disk of the data directory, then restart the daemon. Reads go on meanwhile.",
        cause,
      },
    );
  }
  return closedError("writing to its log failed; a restart shows whether the last writes were done", cause);
}

/** @param why Follows "because". */
export function closedError(why: string, cause?: unknown): SkerryError {
  return new SkerryError("unavailable/closed", `The store takes no more writes, because ${why}.`, {
    hint: "The daemon's log has the cause. Mend the disk, then restart the daemon. Reads go on meanwhile.",
    ...(cause === undefined ? {} : { cause }),
  });
}
