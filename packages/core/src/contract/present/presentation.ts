/**
 * How things show as rows: pure functions from a thing to its cells, shared by the CLI and the TUI. Cells are raw: whoever
 * writes them to a terminal escapes and cuts them.
 */

export interface Column<T> {
  readonly title: string;
  /** `nowMs`: the wall clock, for ages. */
  readonly cell: (item: T, nowMs: number) => string;
  /** The same where one thing is shown alone and each part may have a line. */
  readonly lines?: (item: T) => readonly string[];
  readonly align?: "right";
  /** A part of it says nothing, as of a time: it is not cut where others can be. */
  readonly whole?: boolean;
  /** What it is sorted by, where the cell is a rounded number or an age. The same type for all items. */
  readonly order?: (item: T) => number | string;
}

export interface Presentation<T> {
  /** The word for one: `bucket`. */
  readonly kind: string;
  readonly columns: readonly Column<T>[];
  /** What `-o name` prints, and what other commands take. */
  readonly nameOf: (item: T) => string;
}
