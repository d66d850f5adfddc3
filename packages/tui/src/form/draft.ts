/** What a form says: from its texts to a spec, and to what differs from the one before. Pure. */
import { isDeepStrictEqual } from "node:util";
import { type Codec, flowYaml, readYaml, Unreadable } from "./codec.ts";

export interface FormField {
  /** Place in the spec: `timeouts.connectMs`. With `@` it is beside it: the name, what kind of destination. */
  readonly path: string;
  readonly label: string;
  readonly codec: Codec;
  /** For who is in the field. */
  readonly hint: string;
  /** Cannot be changed once it is there. */
  readonly fixed?: boolean;
  /** Only while that field says one of these; without a text: while it says anything. */
  readonly when?: readonly [path: string, ...texts: string[]];
}

export interface FormSection {
  readonly title: string;
  readonly fields: readonly FormField[];
}

/** All that the form has no field for, as YAML. */
export const MORE_PATH = "@more";

export type Spec = Readonly<Record<string, unknown>>;
/** By path. */
export type Texts = ReadonlyMap<string, readonly string[]>;

export function fieldsOf(sections: readonly FormSection[]): readonly FormField[] {
  return sections.flatMap(({ fields }) => fields);
}

/** Of what is there. `beside`: of the fields with `@`. */
export function textsOf(sections: readonly FormSection[], spec: Spec, beside: Readonly<Record<string, string>>): Texts {
  const fields = fieldsOf(sections);
  const rest = structuredClone(spec) as Record<string, unknown>;
  for (const { path, codec } of fields) if (!codec.isSwitch) put(rest, path);
  const more = pruned(rest);
  const texts = fields.map(({ path, codec }): [string, readonly string[]] => {
    if (path === MORE_PATH) return [path, [Object.keys(more).length === 0 ? "" : flowYaml(more)]];
    if (path.startsWith("@")) return [path, [beside[path] ?? ""]];
    return [path, codec.show(at(spec, path))];
  });
  return new Map(texts);
}

/** Whether it is to be seen: what it depends on must be, too. */
export function isShown(field: FormField, fields: readonly FormField[], texts: Texts): boolean {
  if (field.when === undefined) return true;
  const [path, ...wanted] = field.when;
  const other = fields.find((one) => one.path === path);
  if (other === undefined || !isShown(other, fields, texts)) return false;
  const said = (texts.get(path) ?? []).filter((text) => text.trim() !== "");
  return wanted.length === 0 ? said.length > 0 : wanted.some((text) => said.includes(text));
}

/** Where a field cannot be read. */
export interface FieldProblem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/**
 * What the form says, all of it: what no field speaks of stands in the one for the rest. `before`: the value of a field that
 * nobody has touched is as it was. What cannot be read is told, all of it.
 */
export function specOf(
  sections: readonly FormSection[],
  texts: Texts,
  before: Spec,
): { readonly spec: Spec; readonly problems: readonly FieldProblem[] } {
  const fields = fieldsOf(sections);
  const shown = fields.filter((field) => isShown(field, fields, texts));
  const problems: FieldProblem[] = [];
  const spec: Record<string, unknown> = {};
  const on = new Set<string>();
  for (const { path, codec } of shown) {
    const words = texts.get(path) ?? [];
    try {
      if (path === MORE_PATH) merge(spec, restOf(readMore(words[0] ?? "", fields), fields, shown, texts));
      if (path.startsWith("@")) continue;
      const was = at(before, path);
      const isTouched = was === undefined || !sameTexts(words, codec.show(was));
      const value = codec.read(words);
      if (codec.isSwitch && value !== undefined) on.add(path);
      put(spec, path, isTouched || codec.isSwitch ? value : was);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      problems.push({ path, line: error.line, message: error.message });
    }
  }
  return { spec: pruned(spec, on), problems };
}

export function sameTexts(a: readonly string[] = [], b: readonly string[] = []): boolean {
  const said = (texts: readonly string[]) => JSON.stringify(texts.filter((text) => text !== ""));
  return said(a) === said(b);
}

function topOf(path: string): string {
  return path.split(".")[0] ?? "";
}

/** Without what belongs to parts that are not to be seen, or are turned off. */
function restOf(
  more: Record<string, unknown>,
  fields: readonly FormField[],
  shown: readonly FormField[],
  texts: Texts,
): Record<string, unknown> {
  const isOff = (name: string) =>
    fields.some(({ path, codec }) => path === name && codec.isSwitch && texts.get(path)?.[0] !== "yes");
  const has = (list: readonly FormField[], name: string) => list.some(({ path }) => topOf(path) === name);
  const kept = Object.entries(more).filter(([name]) => !isOff(name) && (has(shown, name) || !has(fields, name)));
  return Object.fromEntries(kept);
}

function readMore(text: string, fields: readonly FormField[]): Record<string, unknown> {
  if (text.trim() === "") return {};
  const value = readYaml(text, "{hedge: {afterMs: 50}}");
  const twice = fields.find(({ path, codec }) => !codec.isSwitch && at(value, path) !== undefined);
  if (twice !== undefined) throw new Unreadable(`${twice.path} has a field of its own above: ${twice.label}.`);
  return value;
}

/** Fields of the spec that differ. `gone`: what says of one that it is no more, where that is not null; undefined: nothing. */
export function changesOf(before: Spec, after: Spec, gone: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => !isDeepStrictEqual(plain(before[name]), plain(after[name])));
  const said = changed.map((name): [string, unknown] => {
    if (after[name] !== undefined) return [name, after[name]];
    return [name, Object.hasOwn(gone, name) ? gone[name] : null];
  });
  return Object.fromEntries(said.filter(([, value]) => value !== undefined));
}

/** One field that changes. Undefined: it is not there. */
export interface Change {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Leaf by leaf; a list is one. */
export function differences(before: unknown, after: unknown, path = ""): Change[] {
  if (isDeepStrictEqual(plain(before), plain(after))) return [];
  const [from, to] = [before, after].map((value) => (isMap(value) ? value : undefined));
  const isLeaf = (from ?? to) === undefined || (before !== undefined && !from) || (after !== undefined && !to);
  const names = [...new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})])];
  if (isLeaf || names.length === 0) return [{ path, before, after }];
  return names.flatMap((name) => differences(from?.[name], to?.[name], path === "" ? name : `${path}.${name}`));
}

function at(spec: Spec, path: string): unknown {
  let value: unknown = spec;
  for (const name of path.split(".")) value = isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

/** Undefined takes away. */
function put(spec: Record<string, unknown>, path: string, value?: unknown): void {
  const names = path.split(".");
  const last = names.pop() ?? "";
  let place = spec;
  for (const name of names) {
    const next = place[name];
    if (!isMap(next) && value === undefined) return;
    const below = isMap(next) ? next : {};
    place[name] = below;
    place = below;
  }
  if (value === undefined) delete place[last];
  else place[last] = value;
}

function merge(into: Record<string, unknown>, more: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(more)) {
    const there = into[name];
    if (isMap(there) && isMap(value)) merge(there, value);
    else into[name] = value;
  }
}

/** Without objects in which nothing is left, but those that say something by being there. */
function pruned(
  spec: Record<string, unknown>,
  on: ReadonlySet<string> = new Set(),
  path = "",
): Record<string, unknown> {
  const parts = Object.entries(spec).flatMap(([name, value]): [string, unknown][] => {
    const below = path === "" ? name : `${path}.${name}`;
    if (!isMap(value)) return [[name, value]];
    const part = pruned(value, on, below);
    return Object.keys(part).length > 0 || on.has(below) ? [[name, part]] : [];
  });
  return Object.fromEntries(parts);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Without what is undefined. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
