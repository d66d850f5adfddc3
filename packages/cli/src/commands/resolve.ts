/** Finds the command that the words name. Global flags may stand before them. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { type Entry, GLOBAL_OPTIONS, type OptionSpec } from "./command.ts";
import { closest } from "./suggest.ts";

export type Resolved =
  | { readonly kind: "command"; readonly entry: Entry; readonly rest: readonly string[] }
  /** A group (`bucket`) or everything (`""`), with what is in it. */
  | { readonly kind: "group"; readonly group: string; readonly asked: boolean };

/** @throws `invalid` with a suggestion. */
export function resolveCommand(entries: readonly Entry[], argv: readonly string[]): Resolved {
  const { flags, words } = splitFlags(argv);
  if (words[0] === "help") return resolveCommand(entries, [...words.slice(1), "-h"]);
  const asked = flags.includes("-h") || flags.includes("--help") || words.includes("-h") || words.includes("--help");
  const [first, second] = words;
  if (first === undefined) {
    if (!asked && flags.length > 0) assertFlag(flags);
    return { kind: "group", group: "", asked };
  }
  const pair = entries.find(({ words: name }) => name === `${first} ${second}`);
  if (pair !== undefined) return { kind: "command", entry: pair, rest: [...flags, ...words.slice(2)] };
  const single = entries.find(({ words: name }) => name === first);
  if (single !== undefined) return { kind: "command", entry: single, rest: [...flags, ...words.slice(1)] };
  const verbs = entries
    .filter(({ words: name }) => name.startsWith(`${first} `))
    .map(({ words: name }) => name.slice(first.length + 1));
  if (verbs.length === 0) throw unknownWord(first, "", firstWords(entries), []);
  if (second === undefined || second.startsWith("-")) return { kind: "group", group: first, asked };
  throw unknownWord(second, first, verbs, CONTAINER_COMMANDS[first] ?? []);
}

function firstWords(entries: readonly Entry[]): string[] {
  return [...new Set(entries.filter(({ hidden }) => hidden !== true).map(({ words }) => words.split(" ")[0] ?? ""))];
}

/** Said without the kind, as they are typed all day. */
const CONTAINER_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  container: ["logs", "exec", "shell", "stop", "start"],
};

/** What is a verb of a kind elsewhere, and a command of its own here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "container create": "skerry run IMAGE --name NAME",
  "container run": "skerry run IMAGE --name NAME",
  "container ps": "skerry ps",
  "image pull": "skerry image load FILE",
  "image build": "skerry image load FILE",
};

function unknownWord(word: string, group: string, known: readonly string[], alone: readonly string[]): SkerryError {
  const elsewhere =
    ELSEWHERE[`${group} ${word}`] ?? (group !== "" && alone.includes(word) ? `skerry ${word}` : undefined);
  if (elsewhere !== undefined) {
    return new SkerryError("invalid", `There is no command skerry ${group} ${word}.`, {
      hint: `Use ${elsewhere}\nskerry ${group} -h lists the commands for ${group}.`,
    });
  }
  const near =
    closest(word, known) ?? (word.endsWith("s") && known.includes(word.slice(0, -1)) ? word.slice(0, -1) : undefined);
  const before = group === "" ? "skerry" : `skerry ${group}`;
  return new SkerryError("invalid", `There is no command ${before} ${word}.`, {
    hint: `${near === undefined ? "" : `Did you mean ${before} ${near}?\n`}${before} -h lists the commands.`,
  });
}

/** The global flags before the first word, and the rest. */
function splitFlags(argv: readonly string[]): { flags: readonly string[]; words: readonly string[] } {
  let i = 0;
  while (i < argv.length && argv[i]?.startsWith("-")) {
    const option = globalOption(argv[i] ?? "");
    i += option !== undefined && option.type !== "boolean" ? 2 : 1;
  }
  return { flags: argv.slice(0, i), words: argv.slice(i) };
}

function globalOption(token: string): OptionSpec | undefined {
  const specs: [string, OptionSpec][] = Object.entries(GLOBAL_OPTIONS);
  return specs.find(([name, { alias }]) => token === `--${name}` || token === `-${alias}`)?.[1];
}

/** Flags alone: the first that is not ours is the mistake. */
function assertFlag(flags: readonly string[]): void {
  const known = Object.keys(GLOBAL_OPTIONS).map((name) => `--${name}`);
  const flag = flags.find((token) => token.startsWith("-") && globalOption(token.replace(/=.*$/s, "")) === undefined);
  if (flag === undefined) return;
  const near = closest(flag, [...known, "--version"]);
  throw new SkerryError("invalid", `There is no flag ${flag}.`, {
    hint: `${near === undefined ? "" : `Did you mean ${near}?\n`}skerry -h lists the commands.`,
  });
}
