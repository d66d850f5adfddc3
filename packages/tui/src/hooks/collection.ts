/** The rows of a screen, kept as its source says: followed, read page by page and followed, or asked for. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { ClientEvent } from "@skerry/core/contract/client/events.ts";
import { isError, type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Call, ListSource } from "../screens/screen.ts";
import { Changes } from "./changes.ts";
import { compareUtf8 } from "./utf8.ts";

export type Phase =
  | { readonly state: "loading" }
  | { readonly state: "live" }
  /** The connection is lost and being made again. */
  | { readonly state: "stale"; readonly sinceMs: number; readonly error: SkerryError }
  /** As it was then. */
  | { readonly state: "taken"; readonly atMs: number }
  | { readonly state: "failed"; readonly error: SkerryError };

export interface CollectionOptions<T> {
  readonly client: Client;
  readonly source: ListSource<T>;
  readonly idOf: (item: T) => string;
  readonly nowMs: () => number;
}

interface Answer {
  readonly revision?: number;
  readonly nextPage?: string;
}

export class Collection<T> implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly #options: CollectionOptions<T>;
  readonly #ended = new AbortController();
  #following = new AbortController();
  readonly #items = new Map<string, T>();
  #list: readonly T[] | undefined = [];
  #phase: Phase = { state: "loading" };
  #nextPage: string | undefined;
  /** Of the last row that has been read. */
  #lastOrder = "";
  #asking: Promise<void> | undefined;
  #asked = false;
  /** What came while a page was under way: it may have been read before. */
  readonly #late = new Map<string, ClientEvent<T> & { type: "put" | "delete" }>();

  constructor(options: CollectionOptions<T>) {
    this.#options = options;
    void this.refresh();
  }

  get phase(): Phase {
    return this.#phase;
  }

  get items(): readonly T[] {
    this.#list ??= this.#inOrder();
    return this.#list;
  }

  /** Whether the daemon has more than is here. */
  get hasMore(): boolean {
    return this.#nextPage !== undefined;
  }

  /** Asks again from the beginning; what is there stays until the answer comes. Never rejects. */
  refresh(): Promise<void> {
    const { source } = this.#options;
    if (source.kind !== "watch") return this.#ask(undefined);
    const signal = this.#restart();
    const input = { ...source.call.input, signal };
    void this.#follow(this.#options.client.watch(source.call.route, input), signal);
    return Promise.resolve();
  }

  /** The next page, when there is one and none is under way. */
  more(): void {
    if (this.#nextPage !== undefined && this.#items.size < LIMITS.tui.maxRows) void this.#ask(this.#nextPage);
  }

  #inOrder(): readonly T[] {
    const { source } = this.#options;
    const all = [...this.#items.values()];
    if (source.kind !== "pages") return all;
    return all.sort((a, b) => compareUtf8(source.orderOf(a), source.orderOf(b)));
  }

  /** Ends what was followed before. */
  #restart(): AbortSignal {
    this.#following.abort();
    this.#following = new AbortController();
    return AbortSignal.any([this.#following.signal, this.#ended.signal]);
  }

  async #follow(events: AsyncGenerator<unknown>, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of events as AsyncGenerator<ClientEvent<T>>) {
        if (signal.aborted) return;
        this.#take(event);
      }
    } catch (error) {
      if (signal.aborted) return;
      // The history of what is read in pages is lost: from the beginning.
      if (!isError(error, "conflict/compacted")) this.#fail(error);
      else {
        // Not at once again where it would be lost again at once.
        await sleep(LIMITS.tui.frameMs);
        if (!signal.aborted) void this.#ask(undefined);
      }
    }
  }

  #take(event: ClientEvent<T>): void {
    if (event.type === "stale") {
      this.#stale(event.error);
      return;
    }
    if (event.type === "reset") {
      this.#items.clear();
      for (const item of this.#oldestFirst(event.items)) this.#put(item);
    } else if (event.type === "put" || event.type === "delete") this.#change(event);
    // A sign of life that changes nothing is not drawn.
    if ((event.type === "progress" || event.type === "connected") && this.#phase.state === "live") return;
    this.#set({ state: "live" });
  }

  /** A list of which only the newest are kept gives them first. */
  #oldestFirst(items: readonly T[]): readonly T[] {
    const { source } = this.#options;
    return source.kind === "watch" && source.keep !== undefined ? items.toReversed() : items;
  }

  #change(event: ClientEvent<T> & { type: "put" | "delete" }): void {
    const id = this.#options.idOf(event.item);
    if (this.#asking !== undefined) this.#late.set(id, event);
    if (event.type === "put") this.#put(event.item);
    else this.#items.delete(id);
  }

  #put(item: T): void {
    const { source, idOf } = this.#options;
    // What lies beyond the last page comes with its own.
    if (source.kind === "pages" && this.hasMore && compareUtf8(source.orderOf(item), this.#lastOrder) > 0) return;
    this.#items.set(idOf(item), item);
    if (source.kind !== "watch" || source.keep === undefined || this.#items.size <= source.keep) return;
    const [oldest] = this.#items.keys();
    if (oldest !== undefined) this.#items.delete(oldest);
  }

  #ask(page: string | undefined): Promise<void> {
    this.#asking ??= this.#load(page).finally(() => {
      this.#asking = undefined;
      this.#late.clear();
    });
    return this.#asking;
  }

  async #load(page: string | undefined): Promise<void> {
    const { client, source, idOf, nowMs } = this.#options;
    if (source.kind === "watch") return;
    const ask = async (token: string | undefined) => {
      const { route, input } = source.call;
      const query = { ...(input.query as object), ...(token === undefined ? {} : { page: token }) };
      const answer = await client.call(route, { ...input, query: query as never, signal: this.#ended.signal });
      const { revision = 0, nextPage } = answer as Answer;
      return { rows: source.rowsOf(answer), revision, nextPage };
    };
    try {
      let { rows, revision, nextPage } = await ask(page);
      // From the beginning again: as far as somebody had gone, or they would lose their place.
      const before = page === undefined ? this.#items.size : 0;
      while (nextPage !== undefined && rows.length < before) {
        const more = await ask(nextPage);
        rows = [...rows, ...more.rows];
        nextPage = more.nextPage;
      }
      if (page === undefined) this.#items.clear();
      this.#asked = true;
      for (const item of rows) this.#items.set(idOf(item), item);
      if (source.kind === "snapshot") {
        this.#set({ state: "taken", atMs: nowMs() });
        return;
      }
      this.#nextPage = nextPage;
      this.#lastOrder = rows.map(source.orderOf).reduce((a, b) => (compareUtf8(a, b) > 0 ? a : b), "");
      if (page === undefined) this.#followPages(source.call, revision);
      else for (const event of this.#late.values()) this.#change(event);
      this.#set({ state: "live" });
    } catch (error) {
      this.#fail(error);
    }
  }

  #followPages({ route, input }: Call, revision: number): void {
    const signal = this.#restart();
    void this.#follow(this.#options.client.changes(route, { ...input, signal }, revision), signal);
  }

  /** What was there stays, and is marked, when the daemon is only away. */
  #fail(thrown: unknown): void {
    if (this.#ended.signal.aborted) return;
    const error = toSkerryError(thrown);
    if (this.#asked && error.code === "unavailable") {
      this.#stale(error);
      return;
    }
    // What may not be seen any more is not there any more.
    this.#items.clear();
    this.#nextPage = undefined;
    this.#set({ state: "failed", error });
  }

  #stale(error: SkerryError): void {
    if (this.#phase.state !== "stale") this.#set({ state: "stale", sinceMs: this.#options.nowMs(), error });
  }

  #set(phase: Phase): void {
    this.#phase = phase;
    this.#list = undefined;
    this.changes.note();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.changes[Symbol.dispose]();
  }
}
