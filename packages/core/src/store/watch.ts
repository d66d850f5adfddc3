/**
 * Watchers. Each is a place in the history, which is in memory anyway: history and live events come from the same list, so
 * that there is neither gap nor duplicate between them. What waits is counted and bounded.
 */
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import type { WatchEvent, WatchOptions } from "../domain/store.ts";
import type { Change, Revision, State } from "./state.ts";

export interface WatchSource {
  readonly state: State;
  readonly clock: Clock;
  /** Newest durable revision. */
  readonly durable: () => number;
  /** Oldest revision that may be read. */
  readonly oldest: () => number;
}

export class WatchHub {
  readonly #source: WatchSource;
  readonly #watchers = new Set<Watcher>();
  #closed = false;

  constructor(source: WatchSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** `options` must be valid. */
  open(options: WatchOptions): AsyncIterable<WatchEvent> {
    const from = options.from ?? this.#source.durable() + 1;
    return {
      [Symbol.asyncIterator]: (): AsyncIterator<WatchEvent> => {
        const watcher = new Watcher(this.#source, { ...options, from }, () => this.#watchers.delete(watcher));
        if (this.#closed) watcher.end();
        else if (this.#watchers.size >= LIMITS.store.maxWatchers) watcher.end(tooMany());
        else {
          this.#watchers.add(watcher);
          watcher.begin();
        }
        return watcher;
      },
    };
  }

  /** A revision became durable. In order. */
  publish(revision: Revision): void {
    for (const watcher of this.#watchers) watcher.offer(revision);
  }

  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers) watcher.end();
  }
}

class Watcher implements AsyncIterator<WatchEvent> {
  readonly #source: WatchSource;
  readonly #options: WatchOptions & { readonly from: number };
  readonly #onEnd: () => void;
  /** Everything up to this revision was looked at. */
  #cursor: number;
  /** Live events are those after it. */
  readonly #openedAt: number;
  /** Live events after the cursor that match. */
  #waiting = 0;
  /** Rest of the revision that is being handed out. */
  #rest: readonly Change[] = [];
  #restAt = 0;
  #ended = false;
  #error: SkerryError | undefined;
  #wake: (() => void) | undefined;
  #previous: Promise<unknown> = Promise.resolve();
  #progressDueMs: number | undefined;
  readonly #onAbort = () => this.end();

  constructor(source: WatchSource, options: WatchOptions & { readonly from: number }, onEnd: () => void) {
    this.#source = source;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#cursor = Math.max(0, options.from - 1);
    this.#openedAt = Math.max(source.durable(), this.#cursor);
    // The first is due when history has been replayed.
    if (options.progressMs !== undefined) this.#progressDueMs = Number.NEGATIVE_INFINITY;
  }

  begin(): void {
    const { from, signal } = this.#options;
    const oldest = this.#source.oldest();
    if (signal?.aborted) this.end();
    else if (Math.max(1, from) < oldest) this.end(compacted(from, oldest));
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  next(): Promise<IteratorResult<WatchEvent>> {
    const result = this.#previous.then(() => this.#pull());
    this.#previous = result.catch(() => undefined);
    return result;
  }

  return(): Promise<IteratorResult<WatchEvent>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  end(error?: SkerryError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#rest = [];
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#onEnd();
    this.#wake?.();
  }

  offer(revision: Revision): void {
    const matching = revision.changes.reduce((sum, change) => sum + (this.#matches(change) ? 1 : 0), 0);
    if (matching === 0) {
      // Nothing waits: a watcher of quiet keys keeps up without being woken.
      if (this.#waiting === 0 && this.#cursor === revision.revision - 1 && !this.#handingOut()) {
        this.#cursor = revision.revision;
      }
      return;
    }
    if (revision.revision < this.#options.from) return;
    this.#waiting += matching;
    if (this.#waiting > LIMITS.store.maxWatchBufferEvents) this.end(tooSlow());
    else this.#wake?.();
  }

  async #pull(): Promise<IteratorResult<WatchEvent>> {
    for (;;) {
      if (this.#ended) {
        const error = this.#error;
        this.#error = undefined;
        if (error) throw error;
        return { done: true, value: undefined };
      }
      const change = this.#rest[this.#restAt];
      if (change) {
        this.#restAt++;
        if (change.revision > this.#openedAt) this.#waiting--;
        return { done: false, value: this.#handingOut() ? { ...change, more: true } : change };
      }
      const overdue = this.#progress(false);
      if (overdue) return { done: false, value: overdue };
      if (this.#advance() || this.#ended) continue;
      const progress = this.#progress(true);
      if (progress) return { done: false, value: progress };
      await this.#sleep();
    }
  }

  /** Takes the next revision with something for us. False when there is none yet. */
  #advance(): boolean {
    const { state, durable, oldest } = this.#source;
    const until = durable();
    if (this.#cursor >= until) return false;
    if (this.#cursor + 1 < oldest()) {
      this.end(compacted(this.#cursor + 1, oldest()));
      return false;
    }
    while (this.#cursor < until) {
      this.#cursor++;
      const changes = state.at(this.#cursor)?.changes.filter((change) => this.#matches(change)) ?? [];
      if (changes.length > 0) {
        this.#rest = changes;
        this.#restAt = 0;
        return true;
      }
    }
    return false;
  }

  #matches(change: Change): boolean {
    const key = change.type === "put" ? change.entry.key : change.key;
    return key.startsWith(this.#options.prefix);
  }

  #handingOut(): boolean {
    return this.#restAt < this.#rest.length;
  }

  /** Between two revisions. The first one waits until history has been replayed. */
  #progress(caughtUp: boolean): WatchEvent | undefined {
    const { progressMs } = this.#options;
    const dueMs = this.#progressDueMs;
    if (progressMs === undefined || dueMs === undefined) return undefined;
    if (!caughtUp && dueMs === Number.NEGATIVE_INFINITY) return undefined;
    const nowMs = this.#source.clock.monotonicMs();
    if (nowMs < dueMs) return undefined;
    this.#progressDueMs = nowMs + progressMs;
    return { type: "progress", revision: Math.min(this.#cursor, this.#source.durable()) };
  }

  async #sleep(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (this.#progressDueMs === undefined) await woken;
    else {
      const stop = new AbortController();
      const dueInMs = Math.max(0, this.#progressDueMs - this.#source.clock.monotonicMs());
      const due = this.#source.clock.sleep(dueInMs, stop.signal).catch(() => undefined);
      await Promise.race([woken, due]);
      stop.abort();
    }
    this.#wake = undefined;
  }
}

function compacted(from: number, oldest: number): SkerryError {
  return new SkerryError("conflict/compacted", `Revision ${from} is compacted; the oldest is ${oldest}.`, {
    hint: "List again and watch from the revision of that list.",
    details: { oldest },
  });
}

function tooSlow(): SkerryError {
  return new SkerryError("conflict/compacted", "The watcher was too slow: more events wait for it than are kept.", {
    hint: "List again and watch from the revision of that list.",
  });
}

function tooMany(): SkerryError {
  return new SkerryError("exhausted/overload", `There are already ${LIMITS.store.maxWatchers} watchers.`, {
    hint: "Close watches that nobody reads, or try again later.",
  });
}
