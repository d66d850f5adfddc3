/** Header lines of a message, changed as a route says. Names and values were checked when the route was declared. */
import type { HeaderRules } from "../../domain/header-rules.ts";
import { withoutNames } from "../http1/field-lines.ts";

/** What stands for placeholders. None has a control character: the parser and the gateway have seen to it. */
export interface HeaderValues {
  readonly client_ip: string;
  readonly host: string;
  readonly request_id: string;
  readonly scheme: string;
}

const PLACEHOLDER = /\{(client_ip|host|request_id|scheme)\}/g;

export class HeaderEdit {
  /** In lower case: those that are there no more. */
  readonly gone: ReadonlySet<string>;
  /** In lower case: all that the route says something of. */
  readonly said: ReadonlySet<string>;
  readonly #lines: string;
  readonly #hasPlaceholders: boolean;

  constructor({ set = {}, add = {}, remove = [] }: HeaderRules) {
    this.gone = new Set([...Object.keys(set), ...remove].map((name) => name.toLowerCase()));
    this.said = new Set([...this.gone, ...Object.keys(add).map((name) => name.toLowerCase())]);
    const said = [...Object.entries(set), ...Object.entries(add)];
    this.#lines = said.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#hasPlaceholders = this.#lines.search(PLACEHOLDER) >= 0;
  }

  apply(lines: string, values: HeaderValues): string {
    const kept = this.gone.size === 0 ? lines : withoutNames(lines, this.gone);
    if (!this.#hasPlaceholders) return kept + this.#lines;
    return kept + this.#lines.replace(PLACEHOLDER, (_, name: keyof HeaderValues) => values[name]);
  }

  /** Whether a line of this name is added; lower case. */
  says(name: string): boolean {
    return this.#lines
      .toLowerCase()
      .split("\r\n")
      .some((line) => line.startsWith(`${name}:`));
  }
}
