/** The routes of one path under one host: at most one that takes every request there, and those that ask for more. */
import type { TableEntry } from "../table.ts";
import type { Facts } from "./asked.ts";
import { allows, type Candidate, compareEntries, isConditional, toCandidate } from "./candidate.ts";
import { Choice } from "./choice.ts";

export class Place {
  /** The first of those that take every request; a well kept store has one. */
  plain: TableEntry | undefined;
  /** The change that made it: only that may change it. */
  readonly owner: object;
  /** In their order. Most places have one route: they are kept small. */
  #plains: readonly TableEntry[] = [];
  #conditional: Map<string, TableEntry> | undefined;
  /** Made when the first request asks, and used on for a while: what has changed since stands in `#recent`. */
  #choice: Choice | undefined;
  /** By id; undefined: gone. */
  #recent: ReadonlyMap<string, TableEntry | undefined> = NOTHING;
  /** Those of `#recent` that are there, in their order. */
  #fresh: readonly Candidate[] | undefined;

  constructor(owner: object, before?: Place) {
    this.owner = owner;
    if (before === undefined) return;
    this.#setPlains(before.#plains);
    this.#conditional = before.#conditional && new Map(before.#conditional);
    this.#choice = before.#choice;
    this.#recent = before.#recent;
  }

  get isEmpty(): boolean {
    return this.#plains.length === 0 && this.#conditional === undefined;
  }

  put(entry: TableEntry): void {
    if (isConditional(entry)) {
      this.#conditional ??= new Map();
      this.#conditional.set(entry.id, entry);
      this.#note(entry.id, entry);
    } else this.#setPlains([...this.#plains, entry].sort(compareEntries));
  }

  remove(entry: TableEntry): void {
    if (isConditional(entry)) {
      this.#conditional?.delete(entry.id);
      if (this.#conditional?.size === 0) this.#conditional = undefined;
      this.#note(entry.id, undefined);
    } else this.#setPlains(this.#plains.filter(({ id }) => id !== entry.id));
  }

  #setPlains(plains: readonly TableEntry[]): void {
    this.#plains = plains;
    this.plain = plains[0];
  }

  #note(id: string, entry: TableEntry | undefined): void {
    if (this.#choice === undefined) return;
    this.#fresh = undefined;
    this.#recent = new Map([...this.#recent, [id, entry]]);
    if (this.#recent.size <= MAX_RECENT) return;
    this.#choice = undefined;
    this.#recent = NOTHING;
  }

  find(facts: Facts): TableEntry | undefined {
    if (this.#conditional === undefined) return this.plain;
    this.#choice ??= new Choice(this.#conditional.values());
    if (this.#recent.size === 0) return this.#choice.find(facts) ?? this.plain;
    const old = this.#choice.find(facts, this.#recent);
    this.#fresh ??= [...this.#recent.values()]
      .flatMap((one) => one ?? [])
      .sort(compareEntries)
      .map(toCandidate);
    const fresh = this.#fresh.find((one) => allows(one, facts))?.entry;
    if (old === undefined || fresh === undefined) return old ?? fresh ?? this.plain;
    return compareEntries(old, fresh) < 0 ? old : fresh;
  }
}

/** Looked at one after another; with more the tree is made anew, which takes microseconds for each route of the path. */
const MAX_RECENT = 32;
const NOTHING: ReadonlyMap<string, TableEntry | undefined> = new Map();
