/** From words to flags and arguments; what is wrong is said here, with exit status 2. yargs lays out the help. */
import { parseArgs } from "node:util";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { type AnyCommand, type Flags, GLOBAL_OPTIONS, type GlobalFlags, type OptionSpecs } from "./command.ts";
import { closest } from "./suggest.ts";

export interface Parsed {
  readonly args: readonly string[];
  readonly flags: Flags<OptionSpecs>;
  readonly globals: GlobalFlags;
  readonly help: () => Promise<string>;
}

/** Text that is wider is hard to read. */
const MAX_HELP_COLUMNS = 80;

/** @throws `invalid`: an unknown or incomplete flag, a value that is not among the choices, too many or few arguments. */
export function parseCommand(
  words: string,
  summary: string,
  command: AnyCommand,
  argv: readonly string[],
  columns: number,
): Parsed {
  const specs: OptionSpecs = { ...(command.options as OptionSpecs), ...GLOBAL_OPTIONS };
  const { args, values } = readTokens(argv, specs, words);
  const flags = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, readFlag(name, spec, values.get(name) ?? [])]),
  ) as Flags<OptionSpecs>;
  const globals = flags as unknown as GlobalFlags;
  if (!globals.help) assertCount(args, command, words);
  return { args, flags, globals, help: () => helpOf(words, summary, command, specs, columns) };
}

/** The arguments, and each flag with what it was given: nothing is guessed. */
function readTokens(
  argv: readonly string[],
  specs: OptionSpecs,
  words: string,
): { args: readonly string[]; values: ReadonlyMap<string, readonly (string | undefined)[]> } {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { type, alias }]) => [
      name,
      { type: type === "boolean" ? type : ("string" as const), ...(alias === undefined ? {} : { short: alias }) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const args: string[] = [];
  const values = new Map<string, (string | undefined)[]>();
  for (const token of tokens) {
    if (token.kind === "positional") args.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const type = Object.hasOwn(specs, name) ? specs[name]?.type : undefined;
    if (type === undefined) throw unknownFlag(argv[token.index] ?? rawName, specs, words);
    if (type === "boolean" && value !== undefined) throw usageError(`--${name} takes no value.`, words);
    // Another flag is not taken for a value; a lone dash is one.
    const isFlag = !inlineValue && value?.startsWith("-") && value !== "-";
    if (type !== "boolean" && (value === undefined || isFlag)) throw usageError(`${rawName} needs a value.`, words);
    // `-o=json` as `-ojson`.
    const given = inlineValue && !rawName.startsWith("--") ? value?.replace(/^=/, "") : value;
    values.set(name, [...(values.get(name) ?? []), given]);
  }
  return { args, values };
}

/** yargs is heavy to load, and most calls need no help. */
async function helpOf(
  words: string,
  summary: string,
  command: AnyCommand,
  specs: OptionSpecs,
  columns: number,
): Promise<string> {
  const { default: yargs } = await import("yargs");
  const help = yargs([])
    .scriptName("skerry")
    .locale("en")
    .help(false)
    .version(false)
    .exitProcess(false)
    .usage(usageText(words, summary, command))
    .example([[command.example, ""] as const, ...(command.more ?? [])].map(([line, does]) => [`skerry ${line}`, does]))
    .wrap(Math.min(columns, MAX_HELP_COLUMNS));
  for (const [name, { type, describe, alias }] of Object.entries(specs)) {
    const group = name in GLOBAL_OPTIONS ? "Everywhere:" : "Flags:";
    help.option(name, { type, describe, group, ...(alias === undefined ? {} : { alias }) });
  }
  return help.getHelp();
}

function usageText(words: string, summary: string, command: AnyCommand): string {
  const usage = `skerry ${words} ${command.usage}`.trimEnd();
  return `${usage}\n\n${summary}.${command.details === undefined ? "" : `\n\n${command.details}`}`;
}

function readFlag(
  name: string,
  { type, choices }: OptionSpecs[string],
  given: readonly (string | undefined)[],
): unknown {
  if (type === "array") return given;
  if (given.length > 1) throw new SkerryError("invalid", `--${name} is there more than once.`);
  if (type === "boolean") return given.length === 1;
  const [text] = given;
  if (text === undefined) return undefined;
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
    throw usageError(`${JSON.stringify(args[max])} is one argument too many: ${usage}`, words);
  }
}

function usageError(message: string, words: string, near?: string): SkerryError {
  const help = `skerry ${words === "" ? "" : `${words} `}-h shows how it is used.`;
  return new SkerryError("invalid", message, { hint: near === undefined ? help : `Did you mean ${near}?\n${help}` });
}
