import { type FitResult, fitTable } from "@skerry/core/contract/present/fit.ts";
import type { Column, Presentation } from "@skerry/core/contract/present/presentation.ts";
import { escapeText } from "./escape.ts";
import { cutToWidth, padToWidth, textWidth } from "./width.ts";

const GAP = "  ";

export interface TableOptions {
  readonly nowMs: number;
  /** Width of the terminal; absent: all is shown. */
  readonly maxWidth?: number;
  /** How the title line is marked. */
  readonly emphasize?: (text: string) => string;
}

/** Lines of a table that may come in parts: the first part decides which columns there are, and how wide. */
export class Table<T> {
  readonly #columns: readonly Column<T>[];
  readonly #leaveOut: readonly string[];
  readonly #options: TableOptions;
  #fits: readonly FitResult[] | undefined;

  constructor({ columns, leaveOut = [] }: Pick<Presentation<T>, "columns" | "leaveOut">, options: TableOptions) {
    this.#columns = columns;
    this.#leaveOut = leaveOut;
    this.#options = options;
  }

  /** The rows as text with line feeds; the first part begins with the titles. */
  part(items: readonly T[]): string {
    const rows = items.map((item) => this.#columns.map(({ cell }) => escapeText(cell(item, this.#options.nowMs))));
    const lines: string[] = [];
    if (this.#fits === undefined) {
      this.#fits = this.#fit(rows);
      const titles = this.#columns.map(({ title }) => title);
      const line = this.#line(titles, this.#fits);
      lines.push(this.#options.emphasize?.(line) ?? line);
    }
    for (const row of rows) lines.push(this.#line(row, this.#fits));
    return lines.map((line) => `${line}\n`).join("");
  }

  #fit(rows: readonly (readonly string[])[]): readonly FitResult[] {
    const columns = this.#columns.map((column, i) => ({
      ...column,
      width: Math.max(textWidth(column.title), ...rows.map((row) => textWidth(row[i] ?? ""))),
    }));
    const { maxWidth = Number.POSITIVE_INFINITY } = this.#options;
    const stays = (i: number) => columns[i]?.apart === true && rows.some((row) => row[i] !== rows[0]?.[i]);
    return fitTable(columns, { leaveOut: this.#leaveOut, gap: GAP.length, maxWidth, stays });
  }

  #line(cells: readonly string[], fits: readonly FitResult[]): string {
    const all = this.#options.maxWidth === undefined;
    return fits
      .map(({ place, width }) => {
        const cell = cells[place] ?? "";
        return padToWidth(all ? cell : cutToWidth(cell, width), width, this.#columns[place]?.align ?? "left");
      })
      .join(GAP)
      .trimEnd();
  }
}
