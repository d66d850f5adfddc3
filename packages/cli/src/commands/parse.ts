/** From words to flags and arguments. The parser of yargs reads them; what is wrong is said here, with exit status 2. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import parser from "yargs-parser";
import {
  type AnyCommand,
  type Flags,
  GLOBAL_OPTIONS,
  type GlobalFlags,
  type OptionSpec,
  type OptionSpecs,
} from "./command.ts";
import { closest } from "./suggest.ts";

export interface Parsed {
  readonly args: readonly string[];
  readonly flags: Flags<OptionSpecs>;
  readonly globals: GlobalFlags;
}

const CONFIGURATION = {
  "boolean-negation": false,
  "camel-case-expansion": false,
  "dot-notation": false,
  "duplicate-arguments-array": true,
  "greedy-arrays": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "populate--": true,
  "unknown-options-as-args": true,
};

/** @throws `invalid`: an unknown or incomplete flag, a value that is not among the choices, too many or few arguments. */
export function parseCommand(words: string, command: AnyCommand, argv: readonly string[]): Parsed {
  const specs: OptionSpecs = { ...(command.options as OptionSpecs), ...GLOBAL_OPTIONS };
  const named = Object.entries(specs);
  const ofType = (type: OptionSpec["type"]) => named.filter(([, spec]) => spec.type === type).map(([name]) => name);
  const alias = Object.fromEntries(
    named.flatMap(([name, spec]) => (spec.alias === undefined ? [] : [[name, spec.alias]])),
  );
  const parsed = parser(joinValues(endAtCommand(argv, command), specs, words), {
    alias,
    array: ofType("array"),
    boolean: ofType("boolean"),
    string: ofType("string"),
    configuration: CONFIGURATION,
  });
  const plain = parsed._.map(String);
  const known = new Set(["_", "--", ...named.flatMap(([name, spec]) => [name, spec.alias])]);
  // "-" alone is standard input or output; anything else that begins so was not understood as a flag.
  const unknown =
    plain.find((token) => token.startsWith("-") && token !== "-") ??
    Object.keys(parsed)
      .find((key) => !known.has(key))
      ?.replace(/^/, "--");
  if (unknown !== undefined) throw unknownFlag(unknown, specs, words);
  const flags = Object.fromEntries(
    named.map(([name, spec]) => [name, readFlag(name, spec, parsed[name])]),
  ) as Flags<OptionSpecs>;
  const rest = (parsed["--"] ?? []) as readonly unknown[];
  const args = [...plain, ...rest.map(String)];
  const globals = flags as unknown as GlobalFlags;
  if (!globals.help) assertCount(args, command, words);
  return { args, flags, globals };
}

/** The words that are for us: none of the command that is passed on, nor those behind `--`. */
export function ownWords(argv: readonly string[], command: AnyCommand): readonly string[] {
  const all = endAtCommand(argv, command);
  const end = all.indexOf("--");
  return end < 0 ? all : all.slice(0, end);
}

/** `web ls -l` -> `web -- ls -l`: the flags of a command that is passed on are its own, as docker has it. */
function endAtCommand(argv: readonly string[], { commandAfter, options }: AnyCommand): readonly string[] {
  if (commandAfter === undefined) return argv;
  const flags = flagsByToken({ ...(options as OptionSpecs), ...GLOBAL_OPTIONS });
  let words = 0;
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] ?? "";
    if (token === "--") return argv;
    const type = flags.get(token)?.[1].type;
    if (type !== undefined && type !== "boolean") i++;
    else if ((token === "-" || !token.startsWith("-")) && words++ === commandAfter) {
      return [...argv.slice(0, i), "--", ...argv.slice(i)];
    }
  }
  return argv;
}

type FlagsByToken = ReadonlyMap<string, readonly [name: string, spec: OptionSpec]>;

/** `--file` and `-f` -> `file` and what it is. */
function flagsByToken(specs: OptionSpecs): FlagsByToken {
  return new Map(
    Object.entries(specs).flatMap(([name, spec]) => [
      [`--${name}`, [name, spec]] as const,
      ...(spec.alias === undefined ? [] : [[`-${spec.alias}`, [name, spec]] as const]),
    ]),
  );
}

/**
 * A flag that takes a value must have one, and another flag is not taken for it. `--file -` becomes `--file=-`: to yargs a
 * lone dash is no value.
 */
function joinValues(argv: readonly string[], specs: OptionSpecs, words: string): string[] {
  const named = flagsByToken(specs);
  const joined: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] ?? "";
    if (token === "--") return [...joined, ...argv.slice(i)];
    const [name, spec] = named.get(token) ?? [];
    if (spec === undefined || spec.type === "boolean") {
      joined.push(token);
      continue;
    }
    const value = argv[++i];
    if (value === undefined || (value.startsWith("-") && value !== "-"))
      throw usageError(`${token} needs a value.`, words);
    joined.push(`--${name}=${value}`);
  }
  return joined;
}

function readFlag(name: string, { type, choices }: OptionSpecs[string], value: unknown): unknown {
  if (type === "array") return value === undefined ? [] : (Array.isArray(value) ? value : [value]).map(String);
  if (Array.isArray(value)) throw new SkerryError("invalid", `--${name} is there more than once.`);
  if (type === "boolean") return value === true;
  if (value === undefined) return undefined;
  const text = String(value);
  if (choices !== undefined && !choices.includes(text)) {
    const near = closest(text, choices);
    throw new SkerryError("invalid", `--${name} is one of ${choices.join(", ")}, not ${JSON.stringify(text)}.`, {
      ...(near === undefined ? {} : { hint: `Did you mean ${near}?` }),
    });
  }
  return text;
}

function unknownFlag(token: string, specs: OptionSpecs, words: string): SkerryError {
  const flag = token.replace(/=.*$/s, "");
  const known = Object.entries(specs).flatMap(([name, { alias }]) => [
    `--${name}`,
    ...(alias === undefined ? [] : [`-${alias}`]),
  ]);
  const near = closest(flag, known);
  return usageError(`There is no flag ${flag} for skerry ${words}.`, words, near);
}

function assertCount(args: readonly string[], command: AnyCommand, words: string): void {
  const [min, max] = command.args;
  const usage = `skerry ${words} ${command.usage}`.trimEnd();
  if (args.length < min) throw usageError(`Something is missing: ${usage}`, words);
  if (args.length > max) {
    const extra = args[max] ?? "";
    throw usageError(`${JSON.stringify(extra)} is one argument too many: ${usage}`, words, command.elsewhere?.(extra));
  }
}

function usageError(message: string, words: string, near?: string): SkerryError {
  const help = `skerry ${words === "" ? "" : `${words} `}-h shows how it is used.`;
  return new SkerryError("invalid", message, { hint: near === undefined ? help : `Did you mean ${near}?\n${help}` });
}
