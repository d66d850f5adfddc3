import { fitColumns } from "@skerry/core/contract/present/fit.ts";
import type { Column } from "@skerry/core/contract/present/presentation.ts";
import { escapeText } from "./escape.ts";
import { cutToWidth, padToWidth, textWidth } from "./width.ts";

const GAP = "  ";

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

  #fit(rows: readonly (readonly string[])[]): number[] {
    const widths = this.#columns.map((_, i) => Math.max(...rows.map((row) => textWidth(row[i] ?? ""))));
    const { maxWidth } = this.#options;
    if (maxWidth === undefined) return widths;
    return fitColumns(
      this.#columns.map(({ align, whole }, i) => ({ width: widths[i] ?? 0, align, whole })),
      GAP.length,
      maxWidth,
    );
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
