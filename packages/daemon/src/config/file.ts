/** The configuration file: YAML, bounded in size and depth, without aliases and tags; every refusal names line and column. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { ParsedNode, YAMLMap } from "yaml";
import { SETTING_KEYS, SETTINGS, type SettingKey } from "./settings.ts";
import { didYouMean, nearest } from "./suggest.ts";
import { quoted, refusal, type Written } from "./values.ts";

/** Loaded only when there is a file: 6 MB that most daemons never need. */
type Yaml = typeof import("yaml");

interface Reading {
  readonly yaml: Yaml;
  readonly path: string;
  readonly homeDir: string;
  /** `FILE:LINE:COLUMN` of an offset. */
  readonly placeAt: (offset: number) => string;
  readonly found: Map<SettingKey, Written>;
}

/**
 * The settings that the file at `path` (absolute) gives, not yet parsed. @throws `invalid` with file, line and column;
 * `invalid/too-large`.
 */
export async function readConfigFile(path: string, homeDir: string): Promise<ReadonlyMap<SettingKey, Written>> {
  const text = readText(path);
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const contents = parse(yaml, text, lines, placeAt);
  const reading: Reading = { yaml, path, homeDir, placeAt, found: new Map() };
  if (contents === null || isEmptyScalar(yaml, contents)) return reading.found;
  if (!yaml.isMap(contents)) {
    const place = placeAt(contents.range[0]);
    throw refusal(place, "the file must be a map of settings.", "Write lines such as `data: /srv/skerry`.");
  }
  readMap(reading, contents, "");
  return reading.found;
}

function readText(path: string): string {
  const bytes = readBytes(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refusal(path, "the file is not UTF-8 text.", "Save it as UTF-8.");
  }
}

function readBytes(path: string): Uint8Array {
  let descriptor: number;
  try {
    // Not blocking: opening a named pipe would wait for a writer.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw cannotRead(path, error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      throw refusal(path, "it is not a regular file.", "Give --config a YAML file.");
    }
    const most = LIMITS.config.maxFileBytes;
    const bytes = new Uint8Array(most + 1);
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, null);
      length += count;
      if (count === 0 || length > most) break;
    }
    if (length <= most) return bytes.subarray(0, length);
    throw new SkerryError("invalid/too-large", `${path}: the file is larger than ${most} bytes.`, {
      hint: "A configuration has a few lines: check that this is the right file.",
      details: { place: path },
    });
  } catch (error) {
    throw error instanceof SkerryError ? error : cannotRead(path, error);
  } finally {
    closeSync(descriptor);
  }
}

function cannotRead(path: string, cause: unknown): SkerryError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "an error";
  const problem = code === "ENOENT" ? "there is no such file." : `the file cannot be read (${code}).`;
  const hint = code === "ENOENT" ? "Check --config or SKERRY_CONFIG." : "Check its owner, mode and directories.";
  return new SkerryError("invalid", `${path}: ${problem}`, { hint, cause, details: { place: path } });
}

function parse(
  yaml: Yaml,
  text: string,
  lines: InstanceType<Yaml["LineCounter"]>,
  placeAt: (offset: number) => string,
): ParsedNode | null {
  const tokens = boundedTokens(yaml, text, lines, placeAt);
  // Duplicate keys are found below in linear time; the library compares each key with each.
  const composer = new yaml.Composer({ version: "1.2", schema: "core", uniqueKeys: false, prettyErrors: false });
  const documents = [...composer.compose(tokens, true, text.length)];
  const [first, second] = documents;
  const problem = first?.errors[0] ?? first?.warnings[0];
  if (problem !== undefined) {
    throw refusal(placeAt(problem.pos[0]), `this is not YAML: ${oneLine(problem.message)}.`, "Mend the line.");
  }
  if (second !== undefined) {
    const place = placeAt(second.range[0]);
    throw refusal(place, "a second document begins here.", "Keep one document in the file: remove the `---`.");
  }
  return first?.contents ?? null;
}

/** The library composes nested nodes by recursion: the depth is checked before it does. */
function boundedTokens(
  yaml: Yaml,
  text: string,
  lines: InstanceType<Yaml["LineCounter"]>,
  placeAt: (offset: number) => string,
) {
  const most = LIMITS.http.maxJsonDepth;
  const parser = new yaml.Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens = [];
  for (const lexeme of new yaml.Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > most) {
      throw refusal(placeAt(parser.offset), `the file is nested more than ${most} deep.`, "No setting is that deep.");
    }
  }
  tokens.push(...parser.end());
  return tokens;
}

function oneLine(message: string): string {
  return quoted(message.replace(/\s+/g, " ").replace(/[.:]$/, "")).slice(1, -1).replaceAll('\\"', '"');
}

function isEmptyScalar(yaml: Yaml, node: ParsedNode): boolean {
  return yaml.isScalar(node) && node.value === null && node.tag === undefined;
}

function readMap(reading: Reading, map: YAMLMap.Parsed, prefix: string): void {
  const { yaml, placeAt, found } = reading;
  const seen = new Map<string, string>();
  refuseTag(reading, map);
  for (const { key, value } of map.items) {
    if (yaml.isAlias(key)) throw alias(placeAt(key.range[0]));
    const place = placeAt(key.range[0]);
    if (!yaml.isScalar(key) || typeof key.value !== "string") {
      throw refusal(place, "a key must be the name of a setting.", `Known: ${SETTING_KEYS.join(", ")}.`);
    }
    const path = prefix + key.value;
    const before = seen.get(path);
    if (before !== undefined) {
      throw refusal(place, `${quoted(path)} is given twice; the first is at ${before}.`, "Keep one of them.");
    }
    seen.set(path, place);
    if (Object.hasOwn(SETTINGS, path)) {
      // `listen.api: x` on one line means a key with a dot in it: taken only when written as levels.
      if (key.value.includes(".")) throw unknown(place, path);
      found.set(path as SettingKey, written(reading, value, `${place}: ${path}`, key.range[0]));
    } else if (SETTING_KEYS.some((known) => known.startsWith(`${path}.`))) {
      readSection(reading, value, path, place);
    } else {
      throw unknown(place, path);
    }
  }
}

function readSection(reading: Reading, value: ParsedNode | null, path: string, place: string): void {
  const { yaml } = reading;
  if (value === null || isEmptyScalar(yaml, value)) return;
  if (yaml.isAlias(value)) throw alias(reading.placeAt(value.range[0]));
  if (!yaml.isMap(value)) {
    const inside = SETTING_KEYS.filter((known) => known.startsWith(`${path}.`)).map((key) => lastLevel(key));
    throw refusal(place, `${path} is a group of settings, not a value.`, `Inside it: ${inside.join(", ")}.`);
  }
  readMap(reading, value, `${path}.`);
}

function lastLevel(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}

const LAST_LEVELS: readonly string[] = SETTING_KEYS.map(lastLevel);

function unknown(place: string, path: string): SkerryError {
  const last = nearest(lastLevel(path), LAST_LEVELS);
  const key = nearest(path, SETTING_KEYS) ?? SETTING_KEYS.find((known) => lastLevel(known) === last);
  if (key === path) {
    return refusal(place, `${quoted(path)} must be written as levels.`, `Write ${shapeOf(key)}.`);
  }
  const hint = key === undefined ? `Known: ${SETTING_KEYS.join(", ")}.` : `Remove it, or write ${shapeOf(key)}.`;
  return refusal(place, `${quoted(path)} is not a setting.${didYouMean(key)}`, hint);
}

/** `listen.api` as it stands in a file: `listen: { api: ... }`. */
function shapeOf(key: SettingKey): string {
  const levels = key.split(".");
  return `\`${levels.join(": { ")}: ...${" }".repeat(levels.length - 1)}\``;
}

function written(reading: Reading, node: ParsedNode | null, place: string, keyOffset: number): Written {
  const { yaml, placeAt } = reading;
  const common = { place, base: dirname(reading.path), homeDir: reading.homeDir };
  if (node === null) return { ...common, value: null };
  if (yaml.isAlias(node)) throw alias(placeAt(node.range[0]));
  refuseTag(reading, node);
  if (yaml.isScalar(node)) {
    const { value, source } = node;
    if (typeof value === "number" || typeof value === "boolean")
      return { ...common, value, source: source ?? `${value}` };
    return { ...common, value: value === null ? null : String(value) };
  }
  if (!yaml.isSeq(node)) return { ...common, value: { map: true } };
  const key = place.slice(placeAt(keyOffset).length + 2);
  const items = node.items.map((item) => written(reading, item, `${placeAt(item.range[0])}: ${key}`, keyOffset));
  return { ...common, value: items };
}

function refuseTag(reading: Reading, node: ParsedNode): void {
  if (node.tag === undefined) return;
  throw refusal(reading.placeAt(node.range[0]), `the tag ${quoted(node.tag)} is not taken.`, "Remove the tag.");
}

function alias(place: string): SkerryError {
  return refusal(place, "aliases (*name) are not taken.", "Write the value out.");
}
