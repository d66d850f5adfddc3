/** Rows made of lines that come without end, the newest first: so many are kept, also of those with what is looked for. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { LineSource } from "../screens/screen.ts";
import { Changes } from "./changes.ts";
import type { Phase } from "./collection.ts";
import { followLines } from "./line-stream.ts";

const { maxLogLines } = LIMITS.tui;
const AGAIN_MS = 1000;

export interface TailOptions<T> {
  readonly client: Client;
  readonly source: LineSource<T>;
  readonly nowMs: () => number;
}

export class Tail<T> implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly hasMore = false;
  readonly #options: TailOptions<T>;
  readonly #ended = new AbortController();
  readonly #all = new Newest<T>();
  /** Of those, and of what has gone from them since, the ones that are wanted. */
  #wanted: Newest<T> | undefined;
  #wants: (item: T) => boolean = () => true;
  #items: readonly T[] | undefined;
  #phase: Phase = { state: "loading" };
  /** The last lines as they came: what is asked for again brings some of them once more. */
  readonly #recent = new Newest<string>();
  #known: ReadonlySet<string> | undefined;

  constructor(options: TailOptions<T>) {
    this.#options = options;
    void this.#follow();
  }

  get phase(): Phase {
    return this.#phase;
  }

  get items(): readonly T[] {
    this.#items ??= (this.#wanted ?? this.#all).list().toReversed();
    return this.#items;
  }

  get count(): { readonly kept: number; readonly left: number } {
    return { kept: this.#all.kept, left: this.#all.left };
  }

  choose(wants: ((item: T) => boolean) | undefined): void {
    this.#wants = wants ?? (() => true);
    this.#wanted = wants === undefined ? undefined : new Newest<T>();
    for (const item of this.#all.list()) if (this.#wants(item)) this.#wanted?.push(item);
    this.#items = undefined;
    this.changes.note();
  }

  more(): void {}

  /** They come by themselves. */
  refresh(): Promise<void> {
    return Promise.resolve();
  }

  async #follow(): Promise<void> {
    const { client, source } = this.#options;
    const { signal } = this.#ended;
    const sink = {
      call: source.call,
      live: () => this.#set({ state: "live" }),
      line: (text: string) => this.#take(text),
      part: () => this.#changed(),
      broke: (error: SkerryError) => this.#broke(error),
    };
    try {
      while (!signal.aborted) {
        await followLines(client, sink, signal);
        // It has no end: a daemon that stops ends it in order.
        if (signal.aborted) return;
        this.#broke(new SkerryError("unavailable", "The daemon has ended it."));
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      if (!signal.aborted) this.#set({ state: "failed", error: toSkerryError(error) });
    }
  }

  #take(text: string): void {
    if (this.#known?.has(text)) return;
    this.#recent.push(text);
    const item = this.#options.source.rowOf(text);
    if (item === undefined) return;
    this.#all.push(item);
    if (this.#wanted !== undefined && this.#wants(item)) this.#wanted.push(item);
  }

  #broke(error: SkerryError): void {
    this.#known = new Set(this.#recent.list());
    if (this.#phase.state !== "stale") this.#set({ state: "stale", sinceMs: this.#options.nowMs(), error });
  }

  #set(phase: Phase): void {
    this.#phase = phase;
    this.#changed();
  }

  #changed(): void {
    this.#items = undefined;
    this.changes.note();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.changes[Symbol.dispose]();
  }
}

/** The last ones of many, in the order in which they came. */
class Newest<T> {
  #kept: T[] = [];
  #left = 0;

  get kept(): number {
    return this.#kept.length;
  }

  /** How many have gone. */
  get left(): number {
    return this.#left;
  }

  list(): readonly T[] {
    return this.#kept;
  }

  push(item: T): void {
    this.#kept.push(item);
    const over = this.#kept.length - maxLogLines;
    // A tenth at a time: to take one off the front of each full list would move all of them for each line.
    if (over < maxLogLines / 10) return;
    this.#kept = this.#kept.slice(over);
    this.#left += over;
  }
}
