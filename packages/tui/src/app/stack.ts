/** The screens that lie on top of one another; the lowest is one of those with a tab. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Screen } from "../screens/screen.ts";
import { View } from "./view.ts";

export interface StackOptions {
  readonly client: Client;
  readonly nowMs: () => number;
  readonly screens: readonly Screen[];
  /** Something on the uppermost screen, or on one below it, has changed. */
  readonly changed: (view: View) => void;
}

export class Stack implements Disposable {
  readonly #options: StackOptions;
  #views: { readonly view: View; readonly unsubscribe: () => void }[] = [];
  /** Place of the lowest one among the screens. */
  root = 0;

  constructor(options: StackOptions) {
    this.#options = options;
    this.goTo(0);
  }

  get view(): View {
    const last = this.#views.at(-1);
    if (last === undefined) throw new Error("there is always a view");
    return last.view;
  }

  get depth(): number {
    return this.#views.length;
  }

  goTo(root: number): void {
    const screen = this.#options.screens[root];
    if (screen === undefined) return;
    this[Symbol.dispose]();
    this.root = root;
    this.open(screen);
  }

  /** The next one, or the one before, round and round. */
  turn(by: 1 | -1): void {
    const { length } = this.#options.screens;
    this.goTo((this.root + by + length) % length);
  }

  open(screen: Screen): void {
    const { client, nowMs, changed } = this.#options;
    const view = new View(screen, client, nowMs);
    this.#views.push({ view, unsubscribe: view.collection.changes.subscribe(() => changed(view)) });
  }

  /** Gives the filter up first. */
  back(): void {
    if (this.view.filter !== "") this.view.choose({ filter: "" });
    else if (this.#views.length > 1) this.#close();
  }

  #close(): void {
    const last = this.#views.pop();
    last?.unsubscribe();
    last?.view[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    while (this.#views.length > 0) this.#close();
  }
}
