/** A window of the rows of a table, as lines. Only what is seen is laid out, whatever there is. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { fitTable } from "@skerry/core/contract/present/fit.ts";
import type { Column } from "@skerry/core/contract/present/presentation.ts";
import { cutToWidth, padToWidth, textWidth } from "@skerry/core/contract/present/width.ts";
import type { Line, Tone } from "./line.ts";

const GAP = "  ";
/** Two before a row, for the mark of the chosen one, and one behind it. */
const MARK_WIDTH = 3;

export interface TableView<T> {
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** First row that is seen, and the chosen one. */
  readonly top: number;
  readonly cursor: number;
  readonly sort?: { readonly column: number; readonly descending: boolean } | undefined;
  readonly toneOf?: ((item: T) => Tone) | undefined;
  readonly nowMs: number;
  /** As in a presentation. */
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
  const stays = (i: number) => i === view.sort?.column || (columns[i]?.apart === true && differ(view, columns[i]));
  const fits = fitTable(shapes, { leaveOut: view.leaveOut, gap: GAP.length, maxWidth: width - MARK_WIDTH, stays });
  const join = (row: readonly string[]) =>
    fits
      .map((fit) =>
        padToWidth(cutToWidth(row[fit.place] ?? "", fit.width), fit.width, columns[fit.place]?.align ?? "left"),
      )
      .join(GAP);
  const lines: Line[] = [[{ text: `  ${join(titles)}`, tone: "accent", bold: true }]];
  seen.forEach((item, i) => {
    const text = join(cells[i] ?? []);
    const tone = view.stale ? "faint" : (view.toneOf?.(item) ?? "plain");
    if (top + i === cursor) lines.push([{ text: padToWidth(`▸ ${text}`, width, "left"), tone, inverse: true }]);
    else lines.push([{ text: `  ${text}`, tone }]);
  });
  return lines;
}

/** Also those that are not seen now: while one scrolls, columns neither come nor go. */
function differ<T>({ rows, nowMs }: TableView<T>, { cell }: Column<T>): boolean {
  const [first] = rows;
  if (first === undefined) return false;
  const said = cell(first, nowMs);
  return rows.some((row) => cell(row, nowMs) !== said);
}

function sortMark<T>({ sort }: TableView<T>, column: number): string {
  if (sort?.column !== column) return "";
  return sort.descending ? " ↓" : " ↑";
}
