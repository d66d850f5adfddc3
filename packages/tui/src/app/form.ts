/** A form as somebody fills it in: where they are, what stands in its fields, and what was refused. It calls nothing. */
import type { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import {
  type Change,
  differences,
  type FormField,
  fieldsOf,
  isShown,
  type Spec,
  sameTexts,
  specOf,
  type Texts,
  textsOf,
} from "../form/draft.ts";
import { isText } from "../keys/names.ts";
import type { Action } from "../keys/registry.ts";
import type { Draft, FormIntent } from "../screens/screen.ts";
import { eraseFrom } from "./question.ts";

/** What a line of the form is. */
export type FormRow =
  | { readonly kind: "section"; readonly place: number }
  | { readonly kind: "field"; readonly field: FormField; readonly line: number }
  | { readonly kind: "go" };

/** What a key leads to, besides another look. */
export type FormWish = "help" | "leave" | "check" | "apply" | "reread" | undefined;

export class Form {
  readonly intent: FormIntent;
  readonly #fields: readonly FormField[];
  #before: FormIntent["before"];
  #first: Texts;
  texts: Texts;
  readonly open = new Set<number>([0]);
  cursor = 1;
  /** First row in sight. Set while it is drawn. */
  top = 0;
  page = 1;
  /** A call is under way. */
  busy = false;
  /** What would change: somebody looks at it before it is done. */
  preview: readonly Change[] | undefined;
  /** By path and line. */
  problems: ReadonlyMap<string, string> = new Map();
  problem: { readonly message: string; readonly hint?: string | undefined } | undefined;
  /** One more Esc gives up what was typed. */
  leaving = false;

  constructor(intent: FormIntent) {
    this.intent = intent;
    this.#fields = fieldsOf(intent.sections);
    this.#before = intent.before;
    this.#first = textsOf(intent.sections, intent.before?.spec ?? {}, intent.beside);
    this.texts = this.#first;
    // One that is there begins with what can be changed.
    this.cursor = Math.max(
      1,
      this.rows.findIndex((row) => row.kind === "field" && !this.isFixed(row.field)),
    );
  }

  get rows(): readonly FormRow[] {
    const rows = this.intent.sections.flatMap(({ fields }, place): FormRow[] => {
      if (!this.open.has(place)) return [{ kind: "section", place }];
      const shown = fields.filter((field) => isShown(field, this.#fields, this.texts));
      return [{ kind: "section", place }, ...shown.flatMap((field) => this.#linesOf(field))];
    });
    return [...rows, { kind: "go" }];
  }

  /** Those of many lines have one more, for the next. */
  #linesOf(field: FormField): FormRow[] {
    const { length } = this.texts.get(field.path) ?? [];
    const count = field.codec.many ? length + 1 : 1;
    return Array.from({ length: count }, (_, line) => ({ kind: "field", field, line }));
  }

  get row(): FormRow {
    return this.rows[this.cursor] ?? { kind: "go" };
  }

  isFixed({ fixed = false }: FormField): boolean {
    return fixed && this.#before !== undefined;
  }

  textAt(path: string, line: number): string {
    return this.texts.get(path)?.[line] ?? "";
  }

  get isChanged(): boolean {
    return this.#fields.some(({ path }) => !sameTexts(this.texts.get(path), this.#first.get(path)));
  }

  /** How many fields of a section say something. */
  filledIn(place: number): number {
    const fields = this.intent.sections[place]?.fields ?? [];
    const isFilled = (field: FormField) => this.texts.get(field.path)?.some((text) => text.trim() !== "");
    return fields.filter((field) => isFilled(field) && isShown(field, this.#fields, this.texts)).length;
  }

  act(action: Action | undefined, key: string): FormWish {
    const { leaving } = this;
    this.leaving = false;
    if (this.busy) return undefined;
    if (this.preview !== undefined) return this.#answerPreview(action);
    if (action === "cancel") {
      this.leaving = this.isChanged && !leaving;
      return this.leaving ? undefined : "leave";
    }
    if (key === "?" && !this.#takesText) return "help";
    if (action === "check" || (action === "accept" && this.row.kind === "go")) return "check";
    if (action === "refresh") return "reread";
    const by = {
      up: -1,
      "previous-field": -1,
      down: 1,
      "next-field": 1,
      "page-up": -this.page,
      "page-down": this.page,
    };
    if (action !== undefined && action in by) this.#move(by[action as keyof typeof by]);
    else if (this.row.kind === "section") this.#fold(this.row.place, action, key);
    else if (action === "accept") this.#move(1);
    else if (this.row.kind === "field") this.#type(this.row.field, this.row.line, action, key);
    return undefined;
  }

  get #takesText(): boolean {
    const { row } = this;
    return row.kind === "field" && row.field.codec.choices === undefined && !this.isFixed(row.field);
  }

  #answerPreview(action: Action | undefined): FormWish {
    if (action === "cancel") this.preview = undefined;
    return action === "accept" && this.preview !== undefined ? "apply" : undefined;
  }

  #move(by: number): void {
    this.#dropEmpty();
    this.cursor = Math.max(0, Math.min(this.cursor + by, this.rows.length - 1));
  }

  /** Lines that were left empty, but the last, which is for the next. */
  #dropEmpty(): void {
    const { row } = this;
    if (row.kind !== "field" || !row.field.codec.many) return;
    const { path } = row.field;
    const lines = this.texts.get(path) ?? [];
    const kept = lines.filter((text) => text.trim() !== "");
    if (kept.length === lines.length) return;
    this.#put(path, kept);
    if (row.line < lines.length) this.cursor--;
  }

  #fold(place: number, action: Action | undefined, key: string): void {
    if (action !== "accept" && action !== "turn" && action !== "turn-back" && key !== " ") return;
    const wanted = action === "turn" || (action !== "turn-back" && !this.open.has(place));
    if (wanted) this.open.add(place);
    else this.open.delete(place);
  }

  #type(field: FormField, line: number, action: Action | undefined, key: string): void {
    if (this.isFixed(field)) return;
    const text = this.textAt(field.path, line);
    const next =
      field.codec.choices === undefined ? typed(text, action, key) : turned(field.codec.choices, text, action, key);
    if (next === text) return;
    const lines = [...(this.texts.get(field.path) ?? [])];
    lines[line] = next;
    this.#put(field.path, lines);
    this.problem = undefined;
    this.problems = new Map([...this.problems].filter(([place]) => place !== `${field.path} ${line}`));
  }

  #put(path: string, lines: readonly string[]): void {
    this.texts = new Map([...this.texts, [path, lines]]);
  }

  /** What it says now; undefined when some of it cannot be read, which is then told at the fields. */
  draft(): Draft | undefined {
    const before = this.#before?.spec ?? {};
    const { spec, problems } = specOf(this.intent.sections, this.texts, before);
    this.problem = undefined;
    this.problems = new Map(problems.map(({ path, line, message }) => [`${path} ${line}`, message]));
    const [first] = problems;
    if (first !== undefined) {
      this.#goTo(first.path, first.line);
      return undefined;
    }
    const { texts } = this;
    return { before, spec, revision: this.#before?.revision, said: (path) => (texts.get(path)?.[0] ?? "").trim() };
  }

  /** Somebody looks at it before it is done. */
  show({ before, spec }: Draft): void {
    this.preview = differences(before, spec);
  }

  /** What the cloud has said stands at the field that it is about; where it names none, above all of them. */
  refuse(error: SkerryError): void {
    this.preview = undefined;
    const { problems, field } = (error.details ?? {}) as Details;
    const told = problems ?? (field === undefined ? [] : [{ field, rule: error.message }]);
    const named = told.length === 0 ? this.#namedIn(error.message) : undefined;
    const found = told.flatMap(({ field: place, rule }) => {
      const one = this.#placeOf(place, rule);
      return one === undefined ? [] : [{ ...one, rule }];
    });
    if (named !== undefined) found.push({ ...named, rule: error.message });
    const hint = error.hint === undefined ? "" : ` ${error.hint}`;
    this.problems = new Map(found.map(({ path, line, rule }) => [`${path} ${line}`, `${rule}${hint}`]));
    this.problem = found.length >= told.length && found.length > 0 ? undefined : error;
    for (const { path, line } of found.toReversed()) this.#goTo(path, line);
  }

  /** Of `body.spec.backends.1.to` the second line of the backends; without a number the line that the message speaks of. */
  #placeOf(place: string, message: string): { readonly path: string; readonly line: number } | undefined {
    const inSpec = /^(?:body\.)?spec\.(.+)$/.exec(place)?.[1] ?? place.replace(/^body\./, "");
    const wanted = inSpec === "name" || inSpec === "project" ? `@${inSpec}` : inSpec;
    const shown = this.#fields.filter((field) => isShown(field, this.#fields, this.texts)).map(({ path }) => path);
    const found =
      shown.findLast((path) => wanted === path || wanted.startsWith(`${path}.`)) ??
      shown.find((path) => path.endsWith(`.${wanted}`)) ??
      shown.find((path) => path.startsWith(`${wanted}.`));
    if (found === undefined) return undefined;
    const lines = this.texts.get(found) ?? [];
    const number = /^\.(\d+)(?:\.|$)/.exec(wanted.slice(found.length))?.[1];
    const named = lines.findIndex((text) => message.includes(/[^\s:=~!+-][^\s:=~]*/.exec(text)?.[0] ?? "\n"));
    const line = number === undefined ? Math.max(0, named) : Number(number);
    return { path: found, line: line < lines.length ? line : 0 };
  }

  /** The line with what the message speaks of: `bucket/docs` of "There is no bucket docs". */
  #namedIn(message: string): { readonly path: string; readonly line: number } | undefined {
    const fields = this.#fields.filter((field) => !this.isFixed(field) && isShown(field, this.#fields, this.texts));
    const lines = fields.flatMap(({ path }) =>
      (this.texts.get(path) ?? []).map((text, line) => ({ path, line, text })),
    );
    const speaks = (text: string) =>
      text.length > 3 && [text, text.replace("/", " ")].some((one) => message.includes(one));
    return lines.find(({ text }) => speaks(text.trim()));
  }

  #goTo(path: string, line: number): void {
    const place = this.intent.sections.findIndex(({ fields }) => fields.some((field) => field.path === path));
    if (place >= 0) this.open.add(place);
    const row = this.rows.findIndex((one) => one.kind === "field" && one.field.path === path && one.line === line);
    if (row >= 0) this.cursor = row;
  }

  /** What somebody else has changed comes into the fields that nobody has touched here. */
  rebase(now: { readonly spec: Spec; readonly revision: number }): void {
    const fresh = textsOf(this.intent.sections, now.spec, this.intent.beside);
    const touched = this.#fields.filter(({ path }) => !sameTexts(this.texts.get(path), this.#first.get(path)));
    const mine = touched.map(({ path }): [string, readonly string[]] => [path, this.texts.get(path) ?? []]);
    this.texts = new Map([...fresh, ...mine]);
    this.#first = fresh;
    this.#before = now;
    this.problem = undefined;
    this.problems = new Map();
    this.cursor = Math.min(this.cursor, this.rows.length - 1);
  }
}

interface Details {
  readonly problems?: readonly { readonly field: string; readonly rule: string }[];
  readonly field?: string;
}

function typed(text: string, action: Action | undefined, key: string): string {
  if (action === "erase") return eraseFrom(text);
  if (action === "clear") return "";
  return action === undefined && isText(key) && text.length < LIMITS.tui.maxFieldLength ? text + key : text;
}

/** The next choice, the one before, or the next that begins with the letter. */
function turned(choices: readonly string[], text: string, action: Action | undefined, key: string): string {
  const place = choices.indexOf(text);
  const { length } = choices;
  if (action === "clear" || action === "erase") return "";
  if (action === "turn" || key === " ") return choices[(place + 1) % length] ?? "";
  if (action === "turn-back") return choices[(place + length - 1) % length] ?? "";
  if (action !== undefined) return text;
  const after = [...choices.slice(place + 1), ...choices.slice(0, place + 1)];
  return after.find((one) => one.startsWith(key)) ?? text;
}
