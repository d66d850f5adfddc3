/** The header lines of one head: those that mean something to a proxy are noted, those that are passed on are kept. */
import { ConnectionOptions } from "./connection-options.ts";
import { FieldLines, KeptLines, withoutNames } from "./field-lines.ts";
import { isName, type Refusal, SP } from "./grammar.ts";
import { type HeadLimits, TOO_LARGE_HEAD } from "./head-reader.ts";

/** Passed on. */
const PASS = 0;
/** Not passed on. */
export const DROP = 1;
/** The header Connection: noted here. */
export const CONNECTION = 2;

export interface FieldRules {
  /**
   * Names in lower case and what they mean: `DROP`, `CONNECTION`, or a number of the caller's that `note` gets: above
   * `CONNECTION` for a line that is dropped, below 0 for one that is passed on all the same.
   */
  readonly names: readonly (readonly [name: string, what: number])[];
  /** Begin of names that are dropped; lower case. */
  readonly droppedPrefix?: string;
  /** Names with an underscore are dropped: programs behind a CGI-like interface take it for a hyphen. */
  readonly dropsUnderscores: boolean;
  /** `isTabbed`: a tab stands beside the value. It is blank (RFC 9110 5.6.3), and others take it for a part of the value. */
  readonly note: (what: number, value: string, isTabbed: boolean) => Refusal | undefined;
}

const MAX_NAME_LENGTH = 32;

function isTabBeside(text: string, { nameTo, valueFrom, valueTo, next }: FieldLines): boolean {
  const isPlain = valueFrom === nameTo + 2 && next === valueTo + 2 && text.charCodeAt(valueFrom - 1) === SP;
  if (isPlain) return false;
  return text.slice(nameTo, valueFrom).includes("\t") || text.slice(valueTo, next).includes("\t");
}

/** One serves all heads of its kind: read what is needed before the next head. */
export class HeadFields {
  readonly connection = new ConnectionOptions();
  readonly #rules: FieldRules;
  readonly #byLength: readonly FieldRules["names"][];
  readonly #fields = new FieldLines();
  readonly #kept = new KeptLines();

  constructor(rules: FieldRules) {
    this.#rules = rules;
    this.#byLength = Array.from({ length: MAX_NAME_LENGTH }, (_, length) =>
      rules.names.filter(([name]) => name.length === length),
    );
  }

  /** `text` begins with the head, which lies at `base` of `bytes`; `first` is where its first header line begins, in `text`. */
  read(bytes: Buffer, base: number, text: string, first: number, limits: HeadLimits): Refusal | undefined {
    const fields = this.#fields;
    const kept = this.#kept;
    this.connection.reset();
    fields.begin(bytes, base, first);
    kept.begin(text, first);
    let count = 0;
    while (fields.step()) {
      if (++count > limits.maxHeaders) return TOO_LARGE_HEAD;
      const isDropped = fields.hasUnderscore && this.#rules.dropsUnderscores;
      const what = isDropped ? DROP : this.#meaning(text, fields.lineFrom, fields.nameTo);
      if (what === PASS) continue;
      if (what > PASS) kept.drop(fields.lineFrom, fields.next);
      if (what === DROP) continue;
      const value = text.slice(fields.valueFrom, fields.valueTo);
      const isTabbed = isTabBeside(text, fields);
      const refusal = what === CONNECTION ? this.connection.add(value) : this.#rules.note(what, value, isTabbed);
      if (refusal !== undefined) return refusal;
    }
    return fields.refusal;
  }

  /** The lines that are passed on, each with its end. Once for each head. */
  keptLines(): string {
    const lines = this.#kept.end(this.#fields.next - 2);
    const { named } = this.connection;
    return named === undefined ? lines : withoutNames(lines, named);
  }

  #meaning(text: string, from: number, to: number): number {
    const length = to - from;
    if (length < MAX_NAME_LENGTH) {
      for (const [name, what] of this.#byLength[length] as FieldRules["names"]) {
        if (isName(text, from, to, name)) return what;
      }
    }
    const { droppedPrefix } = this.#rules;
    if (droppedPrefix === undefined || length <= droppedPrefix.length) return PASS;
    return isName(text, from, from + droppedPrefix.length, droppedPrefix) ? DROP : PASS;
  }
}
