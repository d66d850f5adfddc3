/** Which words may come next. Knows the table of commands; what is in the cloud and on the disk it asks for. */
import { type AnyCommand, type Entry, GLOBAL_OPTIONS, type OptionSpec, type OptionSpecs } from "../commands/command.ts";
import { RESOURCE_KINDS, type ResourceKind } from "../commands/resource/kinds.ts";
import { SHELLS } from "./scripts.ts";

export interface Candidate {
  /** The whole word. */
  readonly text: string;
  readonly about?: string;
  /** More of the same word may follow: no space is put behind it. */
  readonly open?: true;
}

/** Each may give more than what fits the word so far; what does not fit is left out. */
export interface Sources {
  names(kind: ResourceKind, flags: GlobalWords): Promise<readonly Candidate[]>;
  images(flags: GlobalWords): Promise<readonly Candidate[]>;
  /** Buckets, or what is in one down to the next slash. */
  places(typed: string, flags: GlobalWords): Promise<readonly Candidate[]>;
  contexts(): Promise<readonly Candidate[]>;
  files(typed: string): Promise<readonly Candidate[]>;
}

/** The values of global flags in the line. */
export type GlobalWords = Readonly<Partial<Record<"context" | "project" | "token-file", string>>>;

const GLOBAL_SPECS: OptionSpecs = GLOBAL_OPTIONS;

/** `words`: after the program; the last is being typed. */
export async function complete(
  entries: readonly Entry[],
  words: readonly string[],
  sources: Sources,
): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? "";
  const found = await candidates(entries, words.slice(0, -1), typed, sources);
  const fitting = found.filter(({ text }) => text.startsWith(typed) && text !== "");
  return [...new Map(fitting.map((one) => [one.text, one])).values()];
}

async function candidates(
  entries: readonly Entry[],
  before: readonly string[],
  typed: string,
  sources: Sources,
): Promise<readonly Candidate[]> {
  const shown = entries.filter(({ hidden }) => hidden !== true);
  const { entry, group, rest, complete: all } = findCommand(shown, before);
  const globals = globalsOf(before);
  if (entry !== undefined && ![...rest, typed].some((word) => word.startsWith("-"))) {
    // Most of the time goes into loading the command, and here its flags do not matter.
    const known = knownArguments(entry.words, rest, typed, sources, globals);
    if (known !== undefined) return known;
  }
  const command = await entry?.load();
  const options = command?.options ?? {};
  const specs: OptionSpecs = { ...(options as OptionSpecs), ...GLOBAL_SPECS };
  const line = readLine(rest, specs, (command as AnyCommand | undefined)?.commandAfter);
  const where: Where = { entry, command, globals, sources };
  if (line.waiting !== undefined) return valuesOf(line.waiting, specs, typed, where);
  const assigned = line.ended ? null : /^(--[a-z-]+)=(.*)$/s.exec(typed);
  if (assigned !== null) {
    const [, flag = "", value = ""] = assigned;
    const values = await valuesOf(flag.slice(2), specs, value, where);
    return values.map((one) => ({ ...one, text: `${flag}=${one.text}` }));
  }
  if (typed.startsWith("-") && !line.ended) return flagsOf(specs, line.given);
  if (entry === undefined) return all ? [] : wordsOf(shown, group);
  return argumentsOf(where, line.args, typed);
}

interface Where {
  readonly entry: Entry | undefined;
  readonly command: Awaited<ReturnType<Entry["load"]>> | undefined;
  readonly globals: GlobalWords;
  readonly sources: Sources;
}

interface Found {
  readonly entry?: Entry;
  readonly group: string;
  /** What follows the command's words, with the flags before them. */
  readonly rest: readonly string[];
  /** Words stand there that name nothing. */
  readonly complete: boolean;
}

/** As `resolveCommand`, for a line that is not finished. */
function findCommand(entries: readonly Entry[], before: readonly string[]): Found {
  const rest: string[] = [];
  const names: string[] = [];
  for (let i = 0; i < before.length; i++) {
    const word = before[i] ?? "";
    if (names.length === 0 && word === "help") continue;
    if (names.length < 2 && word.startsWith("-")) {
      rest.push(word);
      const spec = specOf(word, GLOBAL_SPECS)?.[1];
      if (spec !== undefined && spec.type !== "boolean" && i + 1 < before.length) rest.push(before[++i] ?? "");
      continue;
    }
    names.push(word);
    const entry = entries.find(({ words }) => words === names.join(" "));
    if (entry !== undefined) return { entry, group: "", rest: [...rest, ...before.slice(i + 1)], complete: false };
    const isGroup = names.length === 1 && entries.some(({ words }) => words.startsWith(`${word} `));
    if (!isGroup) return { group: "", rest, complete: true };
  }
  return { group: names[0] ?? "", rest, complete: false };
}

interface Line {
  readonly args: readonly string[];
  readonly given: ReadonlySet<string>;
  /** A flag whose value comes next. */
  readonly waiting?: string;
  /** After `--`, or within a command that is passed on. */
  readonly ended: boolean;
}

function readLine(rest: readonly string[], specs: OptionSpecs, commandAfter = Number.POSITIVE_INFINITY): Line {
  const args: string[] = [];
  const given = new Set<string>();
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? "";
    if (word === "--") return { args: [...args, ...rest.slice(i + 1)], given, ended: true };
    if (!word.startsWith("-") || word === "-") {
      if (args.length === commandAfter) return { args: [...args, ...rest.slice(i)], given, ended: true };
      args.push(word);
      continue;
    }
    const [name, spec] = specOf(word.replace(/=.*$/s, ""), specs) ?? [];
    if (name === undefined || spec === undefined) continue;
    if (spec.type !== "array") given.add(name);
    if (spec.type === "boolean" || word.includes("=")) continue;
    if (i + 1 === rest.length) return { args, given, waiting: name, ended: false };
    i++;
  }
  return { args, given, ended: false };
}

function specOf(word: string, specs: OptionSpecs): readonly [string, OptionSpec] | undefined {
  return Object.entries(specs).find(([name, { alias }]) => word === `--${name}` || word === `-${alias}`);
}

function globalsOf(before: readonly string[]): GlobalWords {
  const found: Record<string, string> = {};
  for (const name of ["context", "project", "token-file"]) {
    const at = before.lastIndexOf(`--${name}`);
    const joined = before.findLast((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
    const value = at >= 0 ? before[at + 1] : joined;
    if (value !== undefined && value !== "") found[name] = value;
  }
  return found;
}

function wordsOf(entries: readonly Entry[], group: string): Candidate[] {
  if (group !== "") {
    return entries
      .filter(({ words }) => words.startsWith(`${group} `))
      .map(({ words, summary }) => ({ text: words.slice(group.length + 1), about: summary }));
  }
  const single = entries.filter(({ words }) => !words.includes(" "));
  const groups = new Set(entries.filter(({ words }) => words.includes(" ")).map(({ words }) => words.split(" ")[0]));
  return [
    ...single.map(({ words, summary }) => ({ text: words, about: summary })),
    ...[...groups].map((text = "") => ({ text, about: `Commands for ${text}` })),
  ];
}

function flagsOf(specs: OptionSpecs, given: ReadonlySet<string>): Candidate[] {
  return Object.entries(specs)
    .filter(([name]) => !given.has(name))
    .map(([name, { describe }]) => ({ text: `--${name}`, about: describe }));
}

async function valuesOf(
  flag: string,
  specs: OptionSpecs,
  typed: string,
  { entry, globals, sources }: Where,
): Promise<readonly Candidate[]> {
  const choices = specs[flag]?.choices;
  if (choices !== undefined) return choices.map((text) => ({ text }));
  if (flag === "context") return sources.contexts();
  if (flag === "project") return sources.names("project", globals);
  if (flag === "to") return targets(sources, globals);
  if (flag === "bucket") return sources.names("bucket", globals);
  if (flag === "volume")
    return (await sources.names("volume", globals)).map(({ text }) => ({ text: `${text}:/`, open: true }));
  if (flag === "user" && entry?.words !== "login") return sources.names("user", globals);
  return /file$|^data$|dir$|^socket$|^config$/.test(flag) ? sources.files(typed) : [];
}

/** Where a route may lead; the port of a container is still to be typed. */
async function targets(sources: Sources, globals: GlobalWords): Promise<readonly Candidate[]> {
  const [containers, buckets, upstreams] = await Promise.all([
    sources.names("container", globals),
    sources.names("bucket", globals),
    sources.names("upstream", globals),
  ]);
  return [
    ...containers.map(({ text }): Candidate => ({ text: `container/${text}:`, open: true })),
    ...buckets.map(({ text }): Candidate => ({ text: `bucket/${text}` })),
    ...upstreams.map(({ text }): Candidate => ({ text: `upstream/${text}` })),
  ];
}

/** What a positional argument may be. */
async function argumentsOf(where: Where, args: readonly string[], typed: string): Promise<readonly Candidate[]> {
  const { entry, command, globals, sources } = where;
  if (entry === undefined || command === undefined || "passThrough" in command) return [];
  const { args: count, usage } = command as AnyCommand;
  if (args.length >= count[1]) return [];
  const known = knownArguments(entry.words, args, typed, sources, globals);
  if (known !== undefined) return known;
  // Whatever a kind's own verbs take several of are names of that kind.
  return usage.endsWith("...") ? namesOfVerb(entry.words, args, sources, globals) : [];
}

/** Those that can be told without the command; undefined when it must be asked. */
function knownArguments(
  words: string,
  args: readonly string[],
  typed: string,
  sources: Sources,
  globals: GlobalWords,
): Promise<readonly Candidate[]> | undefined {
  const position = args.length;
  switch (words) {
    case "get":
      if (position === 0) return Promise.resolve(RESOURCE_KINDS.map((text) => ({ text })));
      return position === 1 ? namesOfVerb(`${args[0]} get`, [], sources, globals) : undefined;
    case "cp":
      if (position > 1) return undefined;
      return Promise.all([sources.places(typed, globals), sources.files(typed)]).then((both) => both.flat());
    case "ls":
    case "stat":
      return position === 0 ? sources.places(typed, globals) : undefined;
    case "rm":
      return sources.places(typed, globals);
    case "logs":
    case "shell":
    case "exec":
      return position === 0 ? sources.names("container", globals) : undefined;
    case "stop":
    case "start":
      return without(args, sources.names("container", globals));
    case "run":
      return position === 0 ? sources.images(globals) : undefined;
    case "image rm":
      return without(args, sources.images(globals));
    case "context use":
    case "context rm":
      return position === 0 ? sources.contexts() : undefined;
    case "image load":
    case "backup create":
    case "backup verify":
    case "backup restore":
      return position === 0 ? sources.files(typed) : undefined;
    case "binding create":
      return position === 0 ? sources.names("user", globals) : undefined;
    case "completion":
      return position === 0 ? Promise.resolve(SHELLS.map((text) => ({ text }))) : undefined;
    default:
      return position === 0 ? namesOfVerb(words, args, sources, globals) : undefined;
  }
}

/** Verbs of a kind that take no name of one that is there. */
const NAMELESS = ["create", "ls", "watch"];

/** `bucket get NAME`, `user passwd NAME` */
async function namesOfVerb(
  words: string,
  taken: readonly string[],
  sources: Sources,
  globals: GlobalWords,
): Promise<readonly Candidate[]> {
  const [word = "", verb = "ls"] = words.split(" ");
  const kind = RESOURCE_KINDS.find((one) => word === one || word === `${one}s`);
  if (kind === undefined || NAMELESS.includes(verb)) return [];
  return without(taken, sources.names(kind, globals));
}

async function without(taken: readonly string[], found: Promise<readonly Candidate[]>): Promise<readonly Candidate[]> {
  return (await found).filter(({ text }) => !taken.includes(text));
}
