/** Rows of which no event tells: asked for every so often. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { PollSource } from "../screens/screen.ts";
import { Changes } from "./changes.ts";
import type { Phase } from "./collection.ts";

export const POLL_MS = 2000;

interface PollOptions<T> {
  readonly client: Client;
  readonly source: PollSource<T>;
  readonly nowMs: () => number;
}

export class Poll<T> implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly hasMore = false;
  readonly #options: PollOptions<T>;
  readonly #ended = new AbortController();
  #items: readonly T[] = [];
  #phase: Phase = { state: "loading" };
  /** Of answers that come in another order than they were asked for, the newest holds. */
  #asked = 0;

  constructor(options: PollOptions<T>) {
    this.#options = options;
    void this.#follow();
  }

  get phase(): Phase {
    return this.#phase;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  more(): void {}

  async refresh(): Promise<void> {
    const { client, source, nowMs } = this.#options;
    const { signal } = this.#ended;
    const turn = ++this.#asked;
    try {
      const { route, input } = source.call;
      const items = source.rowsOf(await client.call(route, { ...input, signal }));
      if (turn !== this.#asked) return;
      this.#items = items;
      this.#phase = { state: "live" };
    } catch (thrown) {
      if (signal.aborted || turn !== this.#asked) return;
      const error = toSkerryError(thrown);
      if (error.code !== "unavailable" || this.#phase.state === "loading") this.#phase = { state: "failed", error };
      else if (this.#phase.state !== "stale") this.#phase = { state: "stale", sinceMs: nowMs(), error };
    }
    this.changes.note();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.refresh();
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.changes[Symbol.dispose]();
  }
}
