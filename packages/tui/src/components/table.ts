/** A window of the rows of a table, as lines. Only what is seen is laid out, whatever there is. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { type FitColumn, fitColumns, narrowest } from "@skerry/core/contract/present/fit.ts";
import type { Column } from "@skerry/core/contract/present/presentation.ts";
import { cutToWidth, padToWidth, textWidth } from "@skerry/core/contract/present/width.ts";
import type { Line, Tone } from "./line.ts";

const GAP = "  ";

export interface TableView<T> {
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** First row that is seen, and the chosen one. */
  readonly top: number;
  readonly cursor: number;
  readonly sort?: { readonly column: number; readonly descending: boolean } | undefined;
  readonly toneOf?: ((item: T) => Tone) | undefined;
  readonly nowMs: number;
  /** Titles of columns that go, the first first, before text is cut. */
  readonly leaveOut: readonly string[];
  /** What it shows may be old. */
  readonly stale: boolean;
  /** The widest cells seen so far, one a column: it is updated, so that columns do not jump while one scrolls. */
  readonly widest: number[];
}

/** The titles and `height - 1` rows, each of at most `width` columns. */
export function drawTable<T>(view: TableView<T>, width: number, height: number): Line[] {
  const { columns, rows, top, cursor, nowMs, widest } = view;
  const seen = rows.slice(top, top + Math.max(0, height - 1));
  const cells = seen.map((item) => columns.map(({ cell }) => escapeText(cell(item, nowMs))));
  const titles = columns.map(({ title }, i) => title + sortMark(view, i));
  columns.forEach((_, i) => {
    widest[i] = Math.max(widest[i] ?? 0, ...cells.map((row) => textWidth(row[i] ?? "")));
  });
  const shapes = columns.map((column, i) => ({
    ...column,
    width: Math.max(widest[i] ?? 0, textWidth(titles[i] ?? "")),
  }));
  const kept = columnsThatFit(view, shapes, width - 3);
  const fits = fitColumns(
    kept.flatMap((i) => shapes[i] ?? []),
    GAP.length,
    width - 3,
  );
  const join = (row: readonly string[]) =>
    kept
      .map((i, n) => padToWidth(cutToWidth(row[i] ?? "", fits[n] ?? 0), fits[n] ?? 0, columns[i]?.align ?? "left"))
      .join(GAP);
  const lines: Line[] = [[{ text: `  ${cutToWidth(join(titles), width - 3)}`, tone: "accent", bold: true }]];
  seen.forEach((item, i) => {
    const text = cutToWidth(join(cells[i] ?? []), width - 3);
    const tone = view.stale ? "faint" : (view.toneOf?.(item) ?? "plain");
    if (top + i === cursor) lines.push([{ text: padToWidth(`▸ ${text}`, width, "left"), tone, inverse: true }]);
    else lines.push([{ text: `  ${text}`, tone }]);
  });
  return lines;
}

/** Their places. What one sorts by stays, and so does the first: it is the name. */
function columnsThatFit<T>(
  { columns, leaveOut, sort }: TableView<T>,
  shapes: readonly FitColumn[],
  width: number,
): number[] {
  const kept = columns.map((_, i) => i);
  const left = () => kept.flatMap((i) => shapes[i] ?? []);
  const taken = () => left().reduce((sum, shape) => sum + shape.width + GAP.length, -GAP.length);
  for (const title of leaveOut) {
    if (taken() <= width) return kept;
    const place = kept.findIndex((i) => columns[i]?.title === title && i !== sort?.column);
    if (place >= 0) kept.splice(place, 1);
  }
  // Where even cut ones do not fit, the last ones go.
  while (narrowest(left(), GAP.length) > width) {
    const place = kept.findLastIndex((i) => i !== sort?.column);
    if (place <= 0) break;
    kept.splice(place, 1);
  }
  return kept;
}

function sortMark<T>({ sort }: TableView<T>, column: number): string {
  if (sort?.column !== column) return "";
  return sort.descending ? " ↓" : " ↑";
}
