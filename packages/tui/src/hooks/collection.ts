/** The rows of a screen, kept as its source says: followed, or asked for. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { ClientEvent } from "@skerry/core/contract/client/events.ts";
import { type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Call, Source } from "../screens/screen.ts";
import { Changes } from "./changes.ts";

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
  readonly source: Source<T>;
  readonly idOf: (item: T) => string;
  readonly nowMs: () => number;
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
  #asking: Promise<void> | undefined;
  #pages = 0;

  constructor(options: CollectionOptions<T>) {
    this.#options = options;
    void this.refresh();
  }

  get phase(): Phase {
    return this.#phase;
  }

  get items(): readonly T[] {
    this.#list ??= [...this.#items.values()];
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
    this.#following.abort();
    this.#following = new AbortController();
    void this.#follow(source.call, AbortSignal.any([this.#following.signal, this.#ended.signal]));
    return Promise.resolve();
  }

  /** The same, unless somebody has gone on to further pages: they would lose their place. */
  refreshTop(): void {
    if (this.#pages <= 1) void this.refresh();
  }

  /** The next page, when there is one and none is under way. */
  more(): void {
    if (this.#nextPage !== undefined && this.#items.size < LIMITS.tui.maxRows) void this.#ask(this.#nextPage);
  }

  async #follow({ route, input }: Call, signal: AbortSignal): Promise<void> {
    try {
      const events = this.#options.client.watch(route, { ...input, signal }) as AsyncGenerator<ClientEvent<T>>;
      for await (const event of events) {
        if (signal.aborted) return;
        this.#take(event);
      }
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  #take(event: ClientEvent<T>): void {
    if (event.type === "stale") {
      if (this.#phase.state !== "stale") {
        this.#set({ state: "stale", sinceMs: this.#options.nowMs(), error: event.error });
      }
      return;
    }
    if (event.type === "reset") {
      this.#items.clear();
      for (const item of event.items) this.#items.set(this.#options.idOf(item), item);
    } else if (event.type === "put") this.#items.set(this.#options.idOf(event.item), event.item);
    else if (event.type === "delete") this.#items.delete(this.#options.idOf(event.item));
    // A sign of life that changes nothing is not drawn.
    if ((event.type === "progress" || event.type === "connected") && this.#phase.state === "live") return;
    this.#set({ state: "live" });
  }

  #ask(page: string | undefined): Promise<void> {
    this.#asking ??= this.#load(page).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #load(page: string | undefined): Promise<void> {
    const { client, source, idOf, nowMs } = this.#options;
    if (source.kind === "watch") return;
    const { route, input } = source.call;
    const query = { ...(input.query as object), ...(page === undefined ? {} : { page }) };
    try {
      const answer = await client.call(route, { ...input, query: query as never, signal: this.#ended.signal });
      if (page === undefined) {
        this.#items.clear();
        this.#pages = 0;
      }
      this.#pages++;
      for (const item of source.rowsOf(answer)) this.#items.set(idOf(item), item);
      this.#nextPage = source.kind === "pages" ? (answer as { nextPage?: string }).nextPage : undefined;
      this.#set({ state: "taken", atMs: nowMs() });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What was there stays, and is marked, when the daemon is only away. */
  #fail(thrown: unknown): void {
    if (this.#ended.signal.aborted) return;
    const error = toSkerryError(thrown);
    if (this.#pages === 0 || error.code !== "unavailable") this.#set({ state: "failed", error });
    else if (this.#phase.state !== "stale") {
      this.#set({ state: "stale", sinceMs: this.#options.nowMs(), error });
    }
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
