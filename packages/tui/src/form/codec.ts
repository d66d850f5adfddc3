/** Between a value of a spec and what stands in the field of a form. Pure. */
import { parse } from "yaml";

/** What was typed cannot be read so. The message is for the field. */
export class Unreadable extends Error {
  /** Of the lines of a field. */
  readonly line: number;

  constructor(message: string, line = 0) {
    super(message);
    this.line = line;
  }
}

export interface Codec {
  /** What stands there; a field of one line gives one text. */
  readonly show: (value: unknown) => readonly string[];
  /** Undefined: nothing was said. @throws Unreadable. */
  readonly read: (texts: readonly string[]) => unknown;
  /** As many lines as are typed. */
  readonly many?: boolean;
  /** One of them is chosen; the first is what is usual. */
  readonly choices?: readonly string[];
  /** Yes is an object whose fields are others of the form. */
  readonly isSwitch?: boolean;
}

/** One line, empty for nothing. */
function one(show: (value: unknown) => string, read: (text: string) => unknown): Codec {
  return {
    show: (value) => [value === undefined || value === null ? "" : show(value)],
    read: ([text = ""]) => (text.trim() === "" ? undefined : read(text.trim())),
  };
}

/** A line for each; empty ones are none. */
function lines<T>(show: (value: T) => string, read: (text: string) => T): Codec {
  return {
    many: true,
    show: (value) => ((value ?? []) as readonly T[]).map(show),
    read: (texts) => {
      const all = texts.flatMap((text, line) => (text.trim() === "" ? [] : [readLine(text.trim(), line, read)]));
      return all.length === 0 ? undefined : all;
    },
  };
}

function readLine<T>(text: string, line: number, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (error) {
    throw error instanceof Unreadable ? new Unreadable(error.message, line) : error;
  }
}

export const TEXT = one(String, (text) => text);
export const LINES = lines<string>(String, (text) => text);

const WHOLE = /^\d{1,15}$/;
function wholeNumber(text: string): number {
  if (WHOLE.test(text)) return Number(text);
  throw new Unreadable(`${JSON.stringify(text)} is no whole number.`);
}
export const NUMBER = one(String, wholeNumber);

/** Several in one line, with commas between. */
function separated<T>(read: (text: string) => T): Codec {
  const parts = (text: string) => text.split(/[\s,]+/).filter((part) => part !== "");
  return one(
    (value) => (value as readonly T[]).join(", "),
    (text) => parts(text).map(read),
  );
}
export const WORDS = separated((text) => text);
export const NUMBERS = separated(wholeNumber);

const BREAKS: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
/** With its line breaks as `\n`. */
export const BODY = one(
  (value) => String(value).replace(/[\n\r\t\\]/g, (char) => BREAKS[char] ?? char),
  (text) => text.replace(/\\([nrt\\])/g, (pair) => Object.keys(BREAKS).find((char) => BREAKS[char] === pair) ?? pair),
);

export function choice(values: readonly (string | number)[]): Codec {
  const texts = values.map(String);
  const { show } = TEXT;
  return { show, read: ([text = ""]) => values[texts.indexOf(text)], choices: ["", ...texts] };
}
export const FLAG: Codec = {
  show: (value) => [value === true ? "yes" : ""],
  read: ([text]) => (text === "yes" ? true : undefined),
  choices: ["", "yes"],
};
export const SWITCH: Codec = {
  show: (value) => [value === undefined ? "" : "yes"],
  read: ([text]) => (text === "yes" ? {} : undefined),
  choices: ["", "yes"],
  isSwitch: true,
};

const TIME_UNITS = [
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;
/** In milliseconds: `250ms`, `5s`, `2m`. */
export const TIME = one(
  (value) => {
    const ms = Number(value);
    const [unit, length] = TIME_UNITS.find(([, of]) => ms >= of && ms % of === 0) ?? ["ms", 1];
    return `${ms / length}${unit}`;
  },
  (text) => {
    const [, count, unit] = /^(\d{1,9})\s*(ms|s|m|h)$/.exec(text) ?? [];
    const length = TIME_UNITS.find(([name]) => name === unit)?.[1];
    if (count !== undefined && length !== undefined) return Number(count) * length;
    throw new Unreadable(`${JSON.stringify(text)} is no time. Like 250ms, 5s or 2m.`);
  },
);

const SIZE_UNITS = ["", "k", "m", "g"] as const;
/** In bytes: `8k`, `10m`. */
export const SIZE = one(
  (value) => {
    let [size, unit] = [Number(value), 0];
    while (size > 0 && size % 1024 === 0 && unit < SIZE_UNITS.length - 1) [size, unit] = [size / 1024, unit + 1];
    return `${size}${SIZE_UNITS[unit]}`;
  },
  (text) => {
    const [, count, unit = ""] = /^(\d{1,12}(?:\.\d{1,6})?)\s*([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
    if (count !== undefined) return Math.round(Number(count) * 1024 ** SIZE_UNITS.indexOf(unit.toLowerCase() as "k"));
    throw new Unreadable(`${JSON.stringify(text)} is no size. Like 8k or 10m.`);
  },
);

interface Condition {
  readonly name: string;
  readonly type: "exact" | "regex" | "present" | "absent";
  readonly value?: string;
}

/** `NAME`, `!NAME`, `NAME: VALUE` (or `NAME=VALUE`), `NAME ~ PATTERN`. */
export function conditions(between: ": " | "="): Codec {
  return lines<Condition>(
    ({ name, type, value = "" }) => {
      if (type === "absent") return `!${name}`;
      if (type === "present") return name;
      return type === "regex" ? `${name} ~ ${value}` : `${name}${between}${value}`;
    },
    (text) => {
      const [, named, pattern] = /^([^\s:=~]+) *~ *(.+)$/.exec(text) ?? [];
      if (named !== undefined && pattern !== undefined) return { name: named, type: "regex", value: pattern };
      const at = text.indexOf(between.trim());
      if (at > 0) return { name: text.slice(0, at).trim(), type: "exact", value: text.slice(at + 1).trim() };
      return text.startsWith("!") ? { name: text.slice(1).trim(), type: "absent" } : { name: text, type: "present" };
    },
  );
}

interface Rate {
  readonly by: string;
  readonly requests: number;
  readonly per: string;
  readonly burst?: number;
}

/** `ip=100/1m+20`. */
export const RATES = lines<Rate>(
  ({ by, requests, per, burst }) => `${by}=${requests}/${per}${burst === undefined ? "" : `+${burst}`}`,
  (text) => {
    const [, by = "", requests, per = "", burst] = /^([^=]+)=(\d{1,9})\/([^+]+)(?:\+(\d{1,9}))?$/.exec(text) ?? [];
    if (requests === undefined)
      throw new Unreadable(`${JSON.stringify(text)} is no rate. Like ip=100/1m or header:X-Key=1000/1h+50.`);
    return { by, requests: Number(requests), per, ...(burst === undefined ? {} : { burst: Number(burst) }) };
  },
);

interface Rules {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** `NAME: VALUE` sets, `+NAME: VALUE` adds, `-NAME` removes. */
export const HEADER_RULES: Codec = {
  many: true,
  show: (value) => {
    const { set = {}, add = {}, remove = [] } = (value ?? {}) as Rules;
    return [
      ...Object.entries(set).map(([name, text]) => `${name}: ${text}`),
      ...Object.entries(add).map(([name, text]) => `+${name}: ${text}`),
      ...remove.map((name) => `-${name}`),
    ];
  },
  read: (texts) => {
    const rules = { set: [] as [string, string][], add: [] as [string, string][], remove: [] as string[] };
    texts.forEach((text, line) => {
      const said = text.trim();
      if (said === "") return;
      const [, how, name, value] = /^([+-]?)([^:\s]+)(?::[ \t]*(.*))?$/.exec(said) ?? [];
      if (name === undefined || (how === "-") !== (value === undefined))
        throw new Unreadable("Like X-Frame-Options: DENY, +Set-Cookie: a=b or -Server.", line);
      if (how === "-") rules.remove.push(name);
      else rules[how === "+" ? "add" : "set"].push([name, value ?? ""]);
    });
    const { set, add, remove } = rules;
    if (set.length + add.length + remove.length === 0) return undefined;
    return {
      ...(set.length > 0 && { set: Object.fromEntries(set) }),
      ...(add.length > 0 && { add: Object.fromEntries(add) }),
      ...(remove.length > 0 && { remove }),
    };
  },
};

interface Backend {
  readonly name: string;
  readonly to: string;
  readonly weight?: number;
  readonly tags?: readonly string[];
  readonly drain?: boolean;
}

/** `NAME=TO[,weight=N][,tag=TAG]...[,drain]`, as on the command line. */
export const BACKENDS = lines<Backend>(
  ({ name, to, weight = 1, tags = [], drain }) =>
    [
      `${name}=${to}`,
      ...(weight === 1 ? [] : [`weight=${weight}`]),
      ...tags.map((tag) => `tag=${tag}`),
      ...(drain ? ["drain"] : []),
    ].join(","),
  (text) => {
    const [, name, to, options = ""] =
      /^([^=,]+)=(.+?)((?:,(?:weight=[^,=]*|tag=[^,=]*|drain))*)$/.exec(text.replace(/\s*,\s*/g, ",")) ?? [];
    if (name === undefined || to === undefined)
      throw new Unreadable("Like a=http://10.0.0.7:3000 or b=container/web:80,weight=2,tag=gpu.");
    const parts = options.split(",").filter((part) => part !== "");
    const said = (option: string) =>
      parts.flatMap((part) => (part.startsWith(`${option}=`) ? [part.slice(option.length + 1)] : []));
    return {
      ...{ name: name.trim(), to: to.trim(), weight: wholeNumber(said("weight").at(-1) ?? "1") },
      ...{ tags: said("tag"), drain: parts.includes("drain") },
    };
  },
);

/** Words that are no text in YAML. */
const NO_TEXT = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
const PLAIN = /^[A-Za-z][\w./-]*$/;

/** Anything, as YAML in one line. */
export function flowYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowYaml).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const parts = Object.entries(value).filter(([, part]) => part !== undefined);
    return `{${parts.map(([name, part]) => `${flowYaml(name)}: ${flowYaml(part)}`).join(", ")}}`;
  }
  const isPlain = typeof value === "string" && PLAIN.test(value) && !NO_TEXT.test(value);
  return isPlain ? value : (JSON.stringify(value) ?? "null");
}

/** What `flowYaml` gives, and all other YAML that is a map. @throws Unreadable; `like`: how it could be. */
export function readYaml(text: string, like: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new Unreadable(`It is no YAML: ${(error as Error).message.split("\n")[0]}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Unreadable(`It is a map of fields, like ${like}.`);
}

export const SPLIT = one(flowYaml, (text) => readYaml(text, "{variants: [{name: a, to: upstream/a, weight: 9}, ...]}"));
