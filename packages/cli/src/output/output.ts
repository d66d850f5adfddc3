/** Results on stdout in the form that was asked for; everything else on stderr. */
import { styleText } from "node:util";
import type { Presentation } from "@skerry/core/contract/present/presentation.ts";
import { escapeJson, escapeText } from "./escape.ts";
import { type Terminal, writeAll } from "./terminal.ts";

export const FORMATS = ["table", "json", "yaml", "name"] as const;
export type Format = (typeof FORMATS)[number];

export interface OutputOptions {
  readonly format: Format;
  readonly quiet: boolean;
  readonly color: boolean;
}

/** Rows that are held before they are written: the first so many decide a table's widths. */
const BATCH_ROWS = 1000;

export class Output {
  readonly format: Format;
  readonly quiet: boolean;
  readonly #color: boolean;
  readonly #terminal: Terminal;
  /** YAML documents that were written one by one. */
  #documents = 0;

  constructor(terminal: Terminal, options: OutputOptions) {
    this.#terminal = terminal;
    this.format = options.format;
    this.quiet = options.quiet;
    this.#color = options.color;
  }

  /** A list of any length in constant memory: a table, a JSON array, YAML documents, or one name a line. */
  async list<T>(presentation: Presentation<T>, items: AsyncIterable<T> | Iterable<T>): Promise<void> {
    const writer = await this.#listWriter(presentation);
    let batch: T[] = [];
    for await (const item of items) {
      batch.push(item);
      if (batch.length < BATCH_ROWS) continue;
      await this.text(writer.part(batch));
      batch = [];
    }
    await this.text(writer.part(batch) + writer.end());
  }

  /** One thing alone: what would be a column of a table is a line. */
  async one<T>({ columns, facts = [], nameOf }: Presentation<T>, item: T): Promise<void> {
    const { formatFacts } = await import("./facts.ts");
    await this.value(item, nameOf(item), () => {
      const nowMs = this.#terminal.nowMs();
      return formatFacts([
        ...columns.map(({ title, cell, lines }) => [factName(title), lines?.(item) ?? cell(item, nowMs)] as const),
        ...facts.map(({ title, value }) => [factName(title), value(item)] as const),
      ]);
    });
  }

  /** A value: as JSON or YAML, its name, else the text for people (its lines are escaped by who makes it). */
  async value(value: unknown, name: string, human: () => string): Promise<void> {
    if (this.format === "json") await this.text(`${formatJson(value)}\n`);
    else if (this.format === "yaml") {
      const before = this.#documents++ === 0 ? "" : "---\n";
      await this.text(before + (await import("./yaml.ts")).formatYaml(value));
    } else await this.text(this.format === "name" ? `${escapeText(name)}\n` : human());
  }

  /** What was done to one thing: `bucket/photos created`. `value` is what `-o json` prints. */
  async done(kind: string, name: string, verb: string, value: unknown = { kind, name, result: verb }): Promise<void> {
    if (this.quiet && this.format === "table") return;
    await this.value(value, name, () => `${kind}/${escapeText(name)} ${escapeText(verb)}\n`);
  }

  /** Text on stdout as it is: already escaped, or bytes that the user asked for. */
  async text(text: string | Uint8Array): Promise<void> {
    if (text.length > 0) await writeAll(this.#terminal.stdout, text);
  }

  /** A line on stderr, unless `--quiet`. Escaped here. */
  note(text: string): void {
    if (!this.quiet) this.warn(text);
  }

  /** A line on stderr that must be seen. Escaped here. */
  warn(text: string): void {
    this.#terminal.stderr.write(`${escapeText(text)}\n`);
  }

  emphasize(text: string): string {
    return this.#color ? styleText("bold", text, { validateStream: false }) : text;
  }

  /** Rows of one table that come over time. */
  async rows<T>(presentation: Presentation<T>): Promise<(items: readonly T[]) => Promise<void>> {
    const writer = await this.#tableWriter(presentation);
    return (items) => this.text(writer.part(items));
  }

  async #listWriter<T>(presentation: Presentation<T>): Promise<{ part(items: readonly T[]): string; end(): string }> {
    if (this.format === "json") return jsonWriter();
    if (this.format === "yaml") {
      const { formatYaml } = await import("./yaml.ts");
      return { part: (items) => items.map((item) => `---\n${formatYaml(item)}`).join(""), end: () => "" };
    }
    if (this.format === "name") {
      const line = (item: T) => `${escapeText(presentation.nameOf(item))}\n`;
      return { part: (items) => items.map(line).join(""), end: () => "" };
    }
    return this.#tableWriter(presentation);
  }

  async #tableWriter<T>(presentation: Presentation<T>): Promise<{ part(items: readonly T[]): string; end(): string }> {
    // Many commands show none.
    const { Table } = await import("./table.ts");
    const { stdout } = this.#terminal;
    const table = new Table(presentation, {
      nowMs: this.#terminal.nowMs(),
      emphasize: (line) => this.emphasize(line),
      ...(stdout.isTTY ? { maxWidth: stdout.columns ?? 80 } : {}),
    });
    let any = false;
    return {
      part(items) {
        any ||= items.length > 0;
        return items.length === 0 ? "" : table.part(items);
      },
      end: () => {
        if (!any) this.note(`No ${presentation.kind} to show.`);
        return "";
      },
    };
  }
}

/** Said letter by letter. */
const LETTERS = new Set(["CPU", "ID", "UID", "URL"]);

/** `LAST USED` -> `Last used`, `CPU LIMIT` -> `CPU limit`. */
function factName(title: string): string {
  const words = title.split(" ").map((word) => (LETTERS.has(word) ? word : word.toLowerCase()));
  const name = words.join(" ");
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

function jsonWriter<T>(): { part(items: readonly T[]): string; end(): string } {
  let open = false;
  return {
    part(items) {
      const text = items.map((item) => formatJson(item).replaceAll("\n", "\n  ")).join(",\n  ");
      if (items.length === 0) return "";
      const before = open ? ",\n  " : "[\n  ";
      open = true;
      return before + text;
    },
    end: () => (open ? "\n]\n" : "[]\n"),
  };
}

export function formatJson(value: unknown): string {
  return escapeJson(JSON.stringify(value, undefined, 2));
}
