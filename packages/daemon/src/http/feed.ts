/**
 * What happens and has no revision of the store (audit records, states of jobs, objects that come and go), as a list that
 * can be watched. The newest changes are kept once, and a watcher is only a place among them: who is so slow that its next
 * one is gone, or comes from another run of the daemon, is told to list again.
 */
import type { ListEvent, ResumePoint } from "@skerry/core/contract/dispatch/events.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock, Random } from "@skerry/core/domain/ports.ts";

export interface FeedEvent<E> {
  readonly type: "put" | "delete";
  readonly item: E;
}

export class Feed<T> {
  readonly #clock: Clock;
  /** Changes that may still be asked for, the oldest first. The last one has the number `#newest`. */
  #changes: T[] = [];
  #newest: number;
  #next = Promise.withResolvers<void>();

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    // Another in each run: a place in one means nothing in the next. At most 15 digits, as ids of events have.
    this.#newest = 1 + Math.floor(random.fraction() * 9e14);
  }

  /** Number of the last change: a list that is read after this is as of now or newer. */
  get revision(): number {
    return this.#newest;
  }

  /** Changes after this one. @throws `conflict/compacted`. */
  after(revision: number): readonly T[] {
    const count = this.#newest - revision;
    if (count < 0 || count > this.#changes.length) {
      throw new SkerryError("conflict/compacted", "What has happened since then is not kept: list again.");
    }
    return count === 0 ? [] : this.#changes.slice(-count);
  }

  readonly tell = (change: T): void => {
    this.#newest++;
    this.#changes.push(change);
    // Half of them at a time: to take one off the front each time would move all the others.
    const { maxFeedChanges } = LIMITS.http;
    if (this.#changes.length > maxFeedChanges) this.#changes = this.#changes.slice(-maxFeedChanges / 2);
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve();
  };

  /**
   * Changes as events, as they come, until the signal aborts; `present` makes each of them, or nothing. Tells that there is
   * nothing new at its beginning and every `streamHeartbeatMs`, not at each change that is passed over: others could be
   * counted by that. @throws `conflict/compacted`.
   */
  async *watch<E>(
    resume: ResumePoint | undefined,
    signal: AbortSignal,
    present: (change: T) => Promise<FeedEvent<E> | undefined>,
  ): AsyncGenerator<ListEvent<E>> {
    let seen = resume === undefined ? this.#newest : resume.revision - 1;
    let signDueMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      for (const change of this.after(seen)) {
        seen++;
        const event = await present(change);
        if (signal.aborted) return;
        if (event !== undefined) yield { ...event, id: String(seen) };
      }
      if (seen < this.#newest) continue;
      if (this.#clock.monotonicMs() >= signDueMs) {
        signDueMs = this.#clock.monotonicMs() + LIMITS.http.streamHeartbeatMs;
        yield { type: "progress", id: String(seen) };
        continue;
      }
      await this.#changed(signal, signDueMs - this.#clock.monotonicMs());
    }
  }

  /** Resolves at the next change, when a sign of life is due, or when the signal aborts. */
  async #changed(signal: AbortSignal, signInMs: number): Promise<void> {
    const quiet = new AbortController();
    const ended = AbortSignal.any([signal, quiet.signal]);
    const heartbeat = this.#clock.sleep(Math.max(0, signInMs), ended).catch(() => undefined);
    await Promise.race([this.#next.promise, heartbeat]);
    quiet.abort();
  }
}
