/** How wide the columns of a table are where the terminal is narrower than the table. */

/** A column is not cut below this. */
const MIN_COLUMN_WIDTH = 6;

export interface FitColumn {
  /** What its widest cell takes. */
  readonly width: number;
  /** Half a number would be another number: these are not cut. */
  readonly align?: "right" | undefined;
  readonly whole?: boolean | undefined;
}

/** What all of them need when every one that may be cut is. */
export function narrowest(columns: readonly FitColumn[], gap: number): number {
  const least = columns.map((column) => (mayBeCut(column) ? Math.min(column.width, MIN_COLUMN_WIDTH) : column.width));
  return least.reduce((sum, width) => sum + width, gap * (columns.length - 1));
}

function mayBeCut({ align, whole = false }: FitColumn): boolean {
  return align !== "right" && !whole;
}

/** Natural widths, the widest columns of text cut until all, with `gap` between them, take `maxWidth` or less. */
export function fitColumns(columns: readonly FitColumn[], gap: number, maxWidth: number): number[] {
  const widths = columns.map(({ width }) => width);
  const isText = (i: number) => mayBeCut(columns[i] ?? { width: 0 });
  let excess = widths.reduce((sum, width) => sum + width, gap * (widths.length - 1)) - maxWidth;
  while (excess > 0) {
    const texts = widths.filter((_, i) => isText(i));
    const widest = Math.max(MIN_COLUMN_WIDTH, ...texts);
    const next = Math.max(MIN_COLUMN_WIDTH, ...texts.filter((width) => width < widest));
    const column = widths.findLastIndex((width, i) => width === widest && isText(i));
    const cut = Math.min(excess, Math.max(1, widest - next), widest - MIN_COLUMN_WIDTH);
    if (column < 0 || cut <= 0) break;
    widths[column] = widest - cut;
    excess -= cut;
  }
  return widths;
}
