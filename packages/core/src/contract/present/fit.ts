/** Which columns of a table are shown, and how wide, where the terminal is narrower than the table. */

/** A column is not cut below this while another can be left out. */
const MIN_COLUMN_WIDTH = 6;

export interface FitColumn {
  readonly title: string;
  /** What its widest cell takes. */
  readonly width: number;
  /** Half a number would be another number: these are not cut. */
  readonly align?: "right" | undefined;
  readonly whole?: boolean | undefined;
  readonly enough?: number | undefined;
}

export interface FitOptions {
  /** Titles of columns that go, the first first. */
  readonly leaveOut: readonly string[];
  /** Between columns. */
  readonly gap: number;
  readonly maxWidth: number;
  /** Whether the column of that place must be seen. The first always is. */
  readonly stays: (place: number) => boolean;
}

export interface FitResult {
  /** The column's. */
  readonly place: number;
  readonly width: number;
}

interface Fitting extends FitColumn {
  readonly place: number;
}

/**
 * What is longer than what is enough is cut first; then columns go, as they are told to; then text is cut; then the last
 * columns go. At last all are cut: what comes fits, whatever there is, if there is a place for each of the gaps.
 */
export function fitTable(all: readonly FitColumn[], { leaveOut, gap, maxWidth, stays }: FitOptions): FitResult[] {
  const kept = all.map((column, place): Fitting => ({ ...column, place }));
  const room = () => maxWidth - gap * (kept.length - 1);
  const take = (widthOf: (column: FitColumn) => number) => kept.reduce((sum, column) => sum + widthOf(column), 0);
  const drop = (at: number) => at > 0 && kept.splice(at, 1).length > 0;
  for (const title of leaveOut) {
    if (take(enoughOf) <= room()) break;
    drop(kept.findIndex((column) => column.title === title && !stays(column.place)));
  }
  while (take(leastOf) > room() && drop(kept.findLastIndex(({ place }) => !stays(place))));
  let widths = kept.map(({ width }) => width);
  // What must be seen as a whole gives way after what need not.
  for (const floor of [(one: FitColumn) => (one.whole ? one.width : enoughOf(one)), enoughOf, leastOf, () => 1]) {
    widths = cutTo(kept.map(floor), widths, room());
  }
  return kept.map(({ place }, i) => ({ place, width: widths[i] ?? 0 }));
}

function enoughOf({ width, enough = width }: FitColumn): number {
  return Math.min(width, enough);
}

/** Before the column goes, where no other may: half of what is enough still says something. */
function leastOf(column: FitColumn): number {
  const { align, whole, width, enough = 2 * MIN_COLUMN_WIDTH } = column;
  return align === "right" || whole ? enoughOf(column) : Math.min(width, Math.ceil(enough / 2));
}

/** The widest are cut until all take `room`, or each what it has at least. */
function cutTo(least: readonly number[], widths: readonly number[], room: number): number[] {
  const cut = [...widths];
  for (let excess = cut.reduce((sum, width) => sum + width, -room); excess > 0; ) {
    const widest = Math.max(...cut.filter((width, i) => width > (least[i] ?? 0)), 0);
    const column = cut.findLastIndex((width, i) => width === widest && width > (least[i] ?? 0));
    if (column < 0) break;
    const next = Math.max(...cut.filter((width) => width < widest), least[column] ?? 0);
    const by = Math.min(excess, Math.max(1, widest - next));
    cut[column] = widest - by;
    excess -= by;
  }
  return cut;
}
