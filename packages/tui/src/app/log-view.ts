/** A log as somebody reads it: at its end, or where they stopped; all of it, or the lines with a text. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import { plainLogLine } from "../components/log-pane.ts";
import { Log } from "../hooks/log.ts";
import type { Action } from "../keys/registry.ts";
import type { LogSource } from "../screens/screen.ts";

export class LogView implements Disposable {
  readonly title: string;
  readonly log: Log;
  filter = "";
  wrap = false;
  /** The newest line stays in sight. */
  following = true;
  /** First line in sight, among all that there ever were: it stays where it is when the oldest go. */
  #first = 0;
  #page = 1;

  constructor(title: string, source: LogSource, client: Client, nowMs: () => number) {
    this.title = title;
    this.log = new Log(client, source, nowMs);
  }

  /** Those with the text, as they are shown. */
  get lines(): readonly string[] {
    const { lines } = this.log;
    if (this.filter === "") return lines;
    const wanted = this.filter.toLowerCase();
    return lines.filter((line) => plainLogLine(line).toLowerCase().includes(wanted));
  }

  /** The first line in sight where `page` of them fit. */
  settle(page: number, count: number): number {
    this.#page = Math.max(1, page);
    const last = Math.max(0, count - this.#page);
    if (this.following) return last;
    return Math.max(0, Math.min(this.#first - this.#offset, last));
  }

  /** With a filter, lines are counted among those that are left. */
  get #offset(): number {
    return this.filter === "" ? this.log.dropped : 0;
  }

  choose({ filter }: { readonly filter: string }): void {
    this.filter = filter;
    this.following = true;
  }

  act(action: Action | undefined): void {
    const count = this.lines.length;
    const top = this.settle(this.#page, count);
    const by = { up: -1, down: 1, "page-up": -this.#page, "page-down": this.#page };
    if (action === "first") this.#to(0, count);
    else if (action === "last") this.following = true;
    else if (action === "pause") this.#pause(top);
    else if (action === "wrap") this.wrap = !this.wrap;
    else if (action !== undefined && action in by) this.#to(top + by[action as keyof typeof by], count);
  }

  #pause(top: number): void {
    this.following = !this.following;
    this.#first = top + this.#offset;
  }

  #to(top: number, count: number): void {
    this.following = top >= count - this.#page;
    this.#first = Math.max(0, top) + this.#offset;
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
  }
}
