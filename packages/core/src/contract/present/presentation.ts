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
  /** So wide it says enough: what is longer is cut before another column is left out. At least half of it is shown. */
  readonly enough?: number;
  /** Tells things of one name apart: it is left out only while all rows say the same. */
  readonly apart?: boolean;
  /** What it is sorted by, where the cell is a rounded number or an age. The same type for all items. */
  readonly order?: (item: T) => number | string;
}

/** What is told of one thing where it is shown alone. */
export interface Fact<T> {
  readonly title: string;
  /** Several: a line each; none: it is not told. */
  readonly value: (item: T) => string | readonly string[];
}

export interface Presentation<T> {
  /** The word for one: `bucket`. */
  readonly kind: string;
  readonly columns: readonly Column<T>[];
  /** Titles of columns that go where there is little room, the first first, before text is cut. */
  readonly leaveOut?: readonly string[];
  /** Besides the columns. */
  readonly facts?: readonly Fact<T>[];
  /** What `-o name` prints, and what other commands take. */
  readonly nameOf: (item: T) => string;
}
