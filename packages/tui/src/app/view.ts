/** One screen as somebody looks at it: its rows filtered and sorted, and where in them one is. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import type { Column } from "@skerry/core/contract/present/presentation.ts";
import { openRows, type Rows } from "../hooks/rows.ts";
import type { Row, Screen } from "../screens/screen.ts";

const COLLATOR = new Intl.Collator("en", { numeric: true });
/** Rows before the last one that is here at which the next page is asked for. */
const AHEAD = 50;

export class View implements Disposable {
  readonly screen: Screen;
  readonly collection: Rows<Row>;
  readonly #nowMs: () => number;
  filter = "";
  sort: { readonly column: number; readonly descending: boolean } | undefined;
  top = 0;
  cursor = 0;
  /** Of lines that come: those that are shown while others come. */
  #held: { readonly items: readonly Row[]; readonly came: number } | undefined;
  #cursorId: string | undefined;
  #awaited: string | undefined;
  /** Rows that fit: as it was drawn last. */
  #page = 1;
  #made: { readonly key: string; readonly rows: readonly Row[] } | undefined;
  #widest: { readonly rows: readonly Row[]; readonly width: number; readonly cells: number[] } | undefined;

  constructor(screen: Screen, client: Client, nowMs: () => number) {
    this.screen = screen;
    // Lines come in order.
    if (screen.newestFirst && screen.source.kind !== "lines") this.sort = { column: 0, descending: true };
    this.#nowMs = nowMs;
    const { source, idOf } = screen;
    this.collection = openRows<Row>({ client, source, idOf, nowMs });
  }

  get rows(): readonly Row[] {
    const { column, descending } = this.sort ?? {};
    const version = this.#held === undefined ? this.collection.changes.version() : `held at ${this.#held.came}`;
    const key = JSON.stringify([version, this.filter, column, descending]);
    if (this.#made?.key !== key) this.#made = { key, rows: this.#make() };
    return this.#made.rows;
  }

  /** Of the widest cells seen so far: held while one scrolls, taken anew when other rows, or another width, are shown. */
  widestAt(width: number): number[] {
    const { rows } = this;
    if (this.#widest?.rows !== rows || this.#widest.width !== width) this.#widest = { rows, width, cells: [] };
    return this.#widest.cells;
  }

  get chosen(): Row | undefined {
    return this.rows[this.cursor];
  }

  /** For what is shown of one thing while things change. */
  find(id: string): Row | undefined {
    return this.#shown.find((item) => this.screen.idOf(item) === id);
  }

  get #shown(): readonly Row[] {
    return this.#held?.items ?? this.collection.items;
  }

  /** Rows that came since it was paused; undefined: it is not. */
  get waiting(): number | undefined {
    return this.#held === undefined ? undefined : this.#came - this.#held.came;
  }

  get #came(): number {
    const { kept = 0, left = 0 } = this.collection.count ?? {};
    return kept + left;
  }

  /** Of lines that come: holds them as they are, or goes on with the newest. Nothing else can be paused. */
  pause(paused = this.#held === undefined): void {
    if (this.screen.source.kind !== "lines" || paused === (this.#held !== undefined)) return;
    this.#held = paused ? { items: this.collection.items, came: this.#came } : undefined;
    if (!paused) this.to(0);
  }

  #make(): readonly Row[] {
    const { columns } = this.screen.presentation;
    const nowMs = this.#nowMs();
    const { wants } = this.screen;
    const wanted = this.filter.toLowerCase();
    const holds = (item: Row) =>
      columns.some(({ cell }) => escapeText(cell(item, nowMs)).toLowerCase().includes(wanted));
    const items = this.#shown;
    const rows = wanted === "" ? items : items.filter(wants?.(this.filter) ?? holds);
    const column = this.sort === undefined ? undefined : columns[this.sort.column];
    // What is followed has no order of its own: what is new would stand at the end.
    if (column === undefined) return this.screen.source.kind === "watch" ? rows.toSorted(this.#byName) : rows;
    const keys = new Map(rows.map((item) => [item, orderOf(column, item, nowMs)]));
    const sign = this.sort?.descending ? -1 : 1;
    // Of equal ones the newest first, where the newest come first: a list keeps them in the order in which they came.
    const ordered = sign < 0 ? rows.toReversed() : rows;
    return ordered.toSorted((a, b) => sign * compare(keys.get(a) ?? "", keys.get(b) ?? ""));
  }

  readonly #byName = (a: Row, b: Row): number => {
    const { nameOf } = this.screen.presentation;
    return COLLATOR.compare(nameOf(a), nameOf(b));
  };

  /** Goes to this one, when it comes if it is not there yet. */
  awaitId(id: string): void {
    this.#awaited = id;
  }

  /** Keeps the same thing chosen while rows come and go, and in sight. `page`: rows that fit. */
  settle(page: number): void {
    const { rows } = this;
    this.#page = Math.max(1, page);
    const awaited =
      this.#awaited === undefined ? -1 : rows.findIndex((item) => this.screen.idOf(item) === this.#awaited);
    if (awaited >= 0) {
      this.#awaited = undefined;
      this.to(awaited);
    }
    this.#keepChosen();
  }

  move(rows: number): void {
    // What one looks at does not run away.
    if (rows > 0) this.pause(true);
    this.to(this.cursor + rows);
  }

  movePages(pages: number): void {
    if (pages > 0) this.pause(true);
    this.to(this.cursor + pages * this.#page);
  }

  to(row: number): void {
    this.cursor = row;
    this.#awaited = undefined;
    this.#cursorId = undefined;
    this.#keepInSight();
  }

  /** Another choice, or order, of rows. */
  choose(change: { readonly filter?: string; readonly sort?: View["sort"] }): void {
    const chosen = this.#cursorId;
    if (change.filter !== undefined) {
      this.filter = change.filter;
      const { wants } = this.screen;
      // Also of what is gone again before it could be looked at: the few that are wanted among many are kept.
      this.collection.choose?.(wants === undefined || change.filter === "" ? undefined : wants(change.filter));
      if (this.#held !== undefined) this.#held = { items: this.collection.items, came: this.#came };
    }
    if ("sort" in change) this.sort = change.sort;
    this.#keepChosen();
    // Among what was searched for, the first is the best guess.
    if (change.filter !== undefined && this.#cursorId !== chosen) this.to(0);
  }

  /** Through the columns, and back to the order of the list. */
  sortNext(): void {
    const next = (this.sort?.column ?? -1) + 1;
    const more = next < this.screen.presentation.columns.length;
    this.choose({ sort: more ? { column: next, descending: false } : undefined });
  }

  sortReverse(): void {
    const { column, descending } = this.sort ?? { column: 0, descending: false };
    this.choose({ sort: { column, descending: !descending } });
  }

  /** The same thing, wherever its row is now. */
  #keepChosen(): void {
    const { idOf, newestFirst } = this.screen;
    const chosen = this.rows[this.cursor];
    const stays = newestFirst && this.cursor === 0;
    if (!stays && this.#cursorId !== undefined && (chosen === undefined || idOf(chosen) !== this.#cursorId)) {
      const moved = this.rows.findIndex((item) => idOf(item) === this.#cursorId);
      if (moved >= 0) this.cursor = moved;
    }
    this.#keepInSight();
  }

  #keepInSight(): void {
    const { rows } = this;
    this.cursor = Math.max(0, Math.min(this.cursor, rows.length - 1));
    const chosen = rows[this.cursor];
    if (chosen !== undefined) this.#cursorId = this.screen.idOf(chosen);
    const highest = Math.max(0, rows.length - this.#page);
    this.top = Math.min(Math.max(this.top, this.cursor - this.#page + 1), this.cursor, highest);
    if (this.collection.hasMore && this.cursor + AHEAD >= rows.length) this.collection.more();
  }

  [Symbol.dispose](): void {
    this.collection[Symbol.dispose]();
  }
}

function orderOf(column: Column<Row>, item: Row, nowMs: number): string | number {
  return column.order?.(item) ?? column.cell(item, nowMs);
}

function compare(a: string | number, b: string | number): number {
  return typeof a === "number" && typeof b === "number" ? a - b : COLLATOR.compare(String(a), String(b));
}
