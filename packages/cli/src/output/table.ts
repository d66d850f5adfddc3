import type { Column } from "@skerry/core/contract/present/presentation.ts";
import { escapeText } from "./escape.ts";
import { cutToWidth, padToWidth, textWidth } from "./width.ts";

const GAP = "  ";
/** A column is not cut below this. */
const MIN_COLUMN_WIDTH = 6;

export interface TableOptions {
  readonly nowMs: number;
  /** Width of the terminal; absent: nothing is cut. */
  readonly maxWidth?: number;
  /** How the title line is marked. */
  readonly emphasize?: (text: string) => string;
}

/** Lines of a table that may come in parts: the first part decides the widths. */
export class Table<T> {
  readonly #columns: readonly Column<T>[];
  readonly #options: TableOptions;
  #widths: readonly number[] | undefined;

  constructor(columns: readonly Column<T>[], options: TableOptions) {
    this.#columns = columns;
    this.#options = options;
  }

  /** The rows as text with line feeds; the first part begins with the titles. */
  part(items: readonly T[]): string {
    const rows = items.map((item) => this.#columns.map(({ cell }) => escapeText(cell(item, this.#options.nowMs))));
    const lines: string[] = [];
    if (this.#widths === undefined) {
      const titles = this.#columns.map(({ title }) => title);
      this.#widths = this.#fit([titles, ...rows]);
      const line = this.#line(titles, this.#widths);
      lines.push(this.#options.emphasize?.(line) ?? line);
    }
    for (const row of rows) lines.push(this.#line(row, this.#widths));
    return lines.map((line) => `${line}\n`).join("");
  }

  /** Natural widths, the widest columns of text cut until the table fits. Half a number would be another number. */
  #fit(rows: readonly (readonly string[])[]): number[] {
    const widths = this.#columns.map((_, i) => Math.max(...rows.map((row) => textWidth(row[i] ?? ""))));
    const { maxWidth } = this.#options;
    if (maxWidth === undefined) return widths;
    let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - maxWidth;
    while (excess > 0) {
      const texts = widths.filter((_, i) => this.#columns[i]?.align !== "right");
      const widest = Math.max(MIN_COLUMN_WIDTH, ...texts);
      const next = Math.max(MIN_COLUMN_WIDTH, ...texts.filter((width) => width < widest));
      const column = widths.findLastIndex((width, i) => width === widest && this.#columns[i]?.align !== "right");
      const cut = Math.min(excess, Math.max(1, widest - next), widest - MIN_COLUMN_WIDTH);
      if (column < 0 || cut <= 0) break;
      widths[column] = widest - cut;
      excess -= cut;
    }
    return widths;
  }

  #line(cells: readonly string[], widths: readonly number[]): string {
    const { maxWidth } = this.#options;
    const line = cells
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        const text = maxWidth === undefined ? cell : cutToWidth(cell, width);
        return padToWidth(text, width, this.#columns[i]?.align ?? "left");
      })
      .join(GAP)
      .trimEnd();
    return maxWidth === undefined ? line : cutToWidth(line, maxWidth);
  }
}
