/** Lines that come without end, from a route whose answer is bytes: the newest are kept, and told in frames. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { LogSource } from "../screens/screen.ts";
import { Changes } from "./changes.ts";
import { followLines } from "./line-stream.ts";

export type LogState =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "stale"; readonly sinceMs: number; readonly error: SkerryError }
  /** There is nothing more to come. */
  | { readonly state: "ended" }
  | { readonly state: "failed"; readonly error: SkerryError };

export class Log implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly #client: Client;
  readonly #source: LogSource;
  readonly #nowMs: () => number;
  readonly #ended = new AbortController();
  #lines: string[] = [];
  #dropped = 0;
  #state: LogState = { state: "connecting" };
  #brokeAt: string | undefined;

  constructor(client: Client, source: LogSource, nowMs: () => number) {
    this.#client = client;
    this.#source = source;
    this.#nowMs = nowMs;
    void this.#follow();
  }

  /** As they came: not escaped. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** How many older ones there were. */
  get dropped(): number {
    return this.#dropped;
  }

  get state(): LogState {
    return this.#state;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    try {
      const sink = {
        call: () => this.#source.call(this.#brokeAt),
        live: () => this.#set({ state: "live" }),
        line: (text: string) => this.#push(text),
        part: () => this.changes.note(),
        broke: (error: SkerryError) => this.#broke(error),
      };
      await followLines(this.#client, sink, signal);
      if (!signal.aborted) this.#set({ state: "ended" });
    } catch (error) {
      this.#set({ state: "failed", error: toSkerryError(error) });
    }
  }

  #push(line: string): void {
    this.#lines.push(line);
    const over = this.#lines.length - LIMITS.tui.maxLogLines;
    // A tenth at a time: to take one off the front of each full list would move all of them for each line.
    if (over < LIMITS.tui.maxLogLines / 10) return;
    this.#lines = this.#lines.slice(over);
    this.#dropped += over;
  }

  #broke(error: SkerryError): void {
    if (this.#state.state === "stale") return;
    const sinceMs = this.#nowMs();
    if (this.#state.state === "live") this.#brokeAt = new Date(sinceMs).toISOString();
    this.#set({ state: "stale", sinceMs, error });
  }

  #set(state: LogState): void {
    this.#state = state;
    this.changes.note();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.changes[Symbol.dispose]();
  }
}
