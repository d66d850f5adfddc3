/**
 * Keeps the records equal to the store: lists, then watches from there; lists again when the watch was too slow. One watch
 * over everything, because two would show a transaction in halves at different times.
 */
import { isError, SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import type { Entry, Op, Store } from "../domain/store.ts";
import type { Logger, Metrics } from "../domain/telemetry.ts";
import { AUTH_KINDS, Records, type RecordsListener } from "./records.ts";

export interface ViewOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface ViewListener extends RecordsListener {
  /** Everything may have changed. */
  relisted(): void;
}

interface Waiter {
  readonly revision: number;
  readonly ops: readonly Op[];
  readonly done: AbortController;
}

const NOBODY: ViewListener = { userChanged() {}, credentialGone() {}, relisted() {} };

export class AuthView implements AsyncDisposable {
  readonly #options: ViewOptions;
  readonly #stop = new AbortController();
  readonly #waiters = new Set<Waiter>();
  readonly #countRelist: (amount?: number) => void;
  #records: Records;
  #listener: ViewListener = NOBODY;
  /** Revision of the newest event that was applied, or of the list. */
  #seen = 0;
  /** Monotonic time since which the watch is broken. */
  #brokenSinceMs: number | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#records = new Records(NOBODY);
    this.#countRelist = options.metrics.counter("skerry_auth_relists_total", "Times that the view was listed anew.");
    options.metrics.gauge("skerry_auth_credentials", "Tokens and sessions that are known.", () => {
      return this.#records.credentialCount;
    });
  }

  get records(): Records {
    return this.#records;
  }

  /** Lists, and watches from then on. `listener` is told of what changes afterwards. @throws what the store throws. */
  async start(listener: ViewListener): Promise<void> {
    this.#listener = listener;
    await this.#relist();
    this.#running = this.#run();
  }

  /** @throws `unavailable` when what is known here may be too old to decide with. */
  assertFresh(): void {
    if (this.#brokenSinceMs === undefined) return;
    if (this.#options.clock.monotonicMs() - this.#brokenSinceMs <= LIMITS.auth.maxStaleViewMs) return;
    throw new SkerryError("unavailable", "Permissions cannot be checked: the store does not answer.", {
      hint: "Try again in a moment; the daemon's log says why.",
    });
  }

  /** Resolves when these operations of the transaction that made `revision` are in force. @throws `unavailable/timeout`. */
  async settled(revision: number, ops: readonly Op[]): Promise<void> {
    if (this.#isSettled(revision, ops)) return;
    const waiter: Waiter = { revision, ops, done: new AbortController() };
    this.#waiters.add(waiter);
    try {
      await this.#options.clock.sleep(LIMITS.auth.settleMs, waiter.done.signal).catch(() => undefined);
    } finally {
      this.#waiters.delete(waiter);
    }
    if (waiter.done.signal.aborted && !this.#stop.signal.aborted) return;
    throw new SkerryError("unavailable/timeout", "The change is stored but not yet in force.", {
      hint: "Do not repeat it; look again in a moment.",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SkerryError("unavailable/closed", "Identity has been closed."));
    for (const waiter of this.#waiters) waiter.done.abort();
    await this.#running;
  }

  #isSettled(revision: number, ops: readonly Op[]): boolean {
    if (this.#seen < revision) return false;
    // An event of a later revision says that all of this one have come; else each operation must be seen.
    return this.#seen > revision || ops.every((op) => this.#reflects(op, revision));
  }

  #reflects(op: Op, revision: number): boolean {
    switch (op.op) {
      case "put":
        return this.#records.revisionOf(op.key) >= revision;
      case "delete":
        return this.#records.revisionOf(op.key) === 0;
      case "delete-prefix":
        return !this.#records.holdsUnder(op.prefix, revision);
      default:
        return true;
    }
  }

  async #run(): Promise<void> {
    const { store, clock, log } = this.#options;
    const { signal } = this.#stop;
    let backoffMs: number = LIMITS.jobs.minBackoffMs;
    for (;;) {
      try {
        for await (const event of store.watch({ prefix: "/", from: this.#seen + 1, signal })) {
          backoffMs = LIMITS.jobs.minBackoffMs;
          if (event.type === "put") this.#put(this.#records, event.entry);
          else if (event.type === "delete") this.#records.delete(event.key);
          this.#advance(event.revision);
        }
        if (signal.aborted) return;
        throw new SkerryError("unavailable/closed", "The watch has ended.");
      } catch (error) {
        if (signal.aborted) return;
        this.#brokenSinceMs ??= clock.monotonicMs();
        // Too slow for its buffer is no fault: list again at once. Anything else may last.
        if (!isError(error, "conflict/compacted")) {
          log.warn({ error, backoffMs }, "auth: the watch of the store broke");
          await clock.sleep(backoffMs, signal).catch(() => undefined);
          backoffMs = Math.min(backoffMs * 2, LIMITS.auth.maxStaleViewMs);
        }
        await this.#relist().catch((cause: unknown) => log.warn({ error: cause }, "auth: the store cannot be listed"));
      }
      if (signal.aborted) return;
    }
  }

  #advance(revision: number): void {
    this.#seen = Math.max(this.#seen, revision);
    for (const waiter of this.#waiters) if (this.#isSettled(waiter.revision, waiter.ops)) waiter.done.abort();
  }

  async #relist(): Promise<void> {
    this.#countRelist();
    const fresh = await this.#list();
    this.#records = fresh.records;
    this.#brokenSinceMs = undefined;
    fresh.listen();
    this.#listener.relisted();
    // What the list shows is whole: as if the next revision had begun.
    this.#seen = fresh.revision;
    for (const waiter of this.#waiters) if (waiter.revision <= fresh.revision) waiter.done.abort();
  }

  async #list(): Promise<{ records: Records; revision: number; listen: () => void }> {
    let listener: RecordsListener = NOBODY;
    const records = new Records({
      userChanged: (uid) => listener.userChanged(uid),
      credentialGone: (uid) => listener.credentialGone(uid),
    });
    let revision: number | undefined;
    for (const kind of AUTH_KINDS) {
      let after: string | undefined;
      do {
        const page = await this.#options.store.list({
          prefix: `/${kind}/`,
          ...(after === undefined ? {} : { after }),
          ...(revision === undefined ? {} : { revision }),
        });
        revision ??= page.revision;
        for (const entry of page.entries) this.#put(records, entry);
        after = page.next;
      } while (after !== undefined);
    }
    return {
      records,
      revision: revision ?? 0,
      listen: () => {
        listener = this.#listener;
      },
    };
  }

  /** What cannot be read gives nobody anything. */
  #put(records: Records, entry: Entry): void {
    try {
      records.put(entry);
    } catch (error) {
      records.delete(entry.key);
      this.#options.log.error({ error, key: entry.key }, "auth: an entry of the store cannot be read");
    }
  }
}
