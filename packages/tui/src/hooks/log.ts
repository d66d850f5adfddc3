/** Lines that come without end, from a route whose answer is bytes: the newest are kept, and told in frames. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { LogSource } from "../screens/screen.ts";
import { Changes } from "./changes.ts";

export type LogState =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "stale"; readonly sinceMs: number; readonly error: SkerryError }
  /** There is nothing more to come. */
  | { readonly state: "ended" }
  | { readonly state: "failed"; readonly error: SkerryError };

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;

export class Log implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly #client: Client;
  readonly #source: LogSource;
  readonly #nowMs: () => number;
  readonly #ended = new AbortController();
  #lines: string[] = [];
  #dropped = 0;
  /** The beginning of a line whose end has not come. */
  #open = "";
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
    for (let backoffMs = MIN_BACKOFF_MS; !signal.aborted; backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)) {
      try {
        const { route, input } = this.#source.call(this.#brokeAt);
        const { body } = await this.#client.download(route, { ...input, signal });
        this.#set({ state: "live" });
        const decoder = new TextDecoder();
        for await (const part of body) {
          backoffMs = MIN_BACKOFF_MS;
          this.#take(decoder.decode(part, { stream: true }));
        }
        this.#finish();
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = toSkerryError(thrown);
        if (error.code !== "unavailable" && error.code !== "exhausted") {
          this.#set({ state: "failed", error });
          return;
        }
        this.#broke(error);
        await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #take(text: string): void {
    const parts = text.split("\n");
    const rest = parts.pop() ?? "";
    for (const part of parts) {
      this.#push(this.#open + part);
      this.#open = "";
    }
    // What is longer than a line may be is not gathered.
    this.#open = (this.#open + rest).slice(0, LIMITS.tui.maxLogLineLength);
    this.changes.note();
  }

  #push(line: string): void {
    this.#lines.push(line.replace(/\r$/, "").slice(0, LIMITS.tui.maxLogLineLength));
    const over = this.#lines.length - LIMITS.tui.maxLogLines;
    // A tenth at a time: to take one off the front of each full list would move all of them for each line.
    if (over < LIMITS.tui.maxLogLines / 10) return;
    this.#lines = this.#lines.slice(over);
    this.#dropped += over;
  }

  #finish(): void {
    if (this.#open !== "") this.#push(this.#open);
    this.#open = "";
    this.#set({ state: "ended" });
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
