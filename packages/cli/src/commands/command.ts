/** What a command is: its flags, and what it does with them. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Connection } from "../context/connect.ts";
import type { Output } from "../output/output.ts";
import type { Terminal } from "../output/terminal.ts";

export interface OptionSpec {
  readonly type: "string" | "boolean" | "array";
  readonly describe: string;
  readonly alias?: string;
  readonly choices?: readonly string[];
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type FlagValue<O extends OptionSpec> = O["type"] extends "boolean"
  ? boolean
  : O["type"] extends "array"
    ? readonly string[]
    : (O["choices"] extends readonly (infer C)[] ? C : string) | undefined;
export type Flags<O extends OptionSpecs> = { readonly [K in keyof O]: FlagValue<O[K]> };

/** The flags that every command takes. */
export const GLOBAL_OPTIONS = {
  output: {
    type: "string",
    alias: "o",
    choices: ["table", "json", "yaml", "name"],
    describe: "Form of the result: table (default), json, yaml, name",
  },
  quiet: { type: "boolean", alias: "q", describe: "Only results and errors" },
  yes: { type: "boolean", alias: "y", describe: "Do not ask" },
  "no-color": { type: "boolean", describe: "No colors (also the variable NO_COLOR)" },
  context: { type: "string", describe: "Talk to this context instead of the current one" },
  project: { type: "string", describe: "Work in this project instead of your own" },
  "token-file": { type: "string", describe: "Use the token in this file (also the variable SKERRY_TOKEN)" },
  help: { type: "boolean", alias: "h", describe: "Show this" },
} as const satisfies OptionSpecs;
export type GlobalFlags = Flags<typeof GLOBAL_OPTIONS>;

/** One call of a command. */
export interface Invocation {
  readonly terminal: Terminal;
  readonly output: Output;
  readonly globals: GlobalFlags;
  /** Aborts when the user asks to end. */
  readonly signal: AbortSignal;
  /** The client of the chosen context, made at the first use. */
  client(): Promise<Client>;
  connection(): Promise<Connection>;
  /** `--project`, or that of the context. Only for a command that `takesProject`. */
  project(): Promise<string | undefined>;
}

export interface Command<O extends OptionSpecs = OptionSpecs> {
  /** How the arguments are shown: `NAME`, `FROM TO`, `[B:PREFIX]`. */
  readonly usage: string;
  /** Fewest and most arguments. */
  readonly args: readonly [min: number, max: number];
  /** So many arguments stand before words that are somebody else's: these begin with the next one, or behind `--`. */
  readonly commandAfter?: number;
  readonly options: O;
  /** One line that a person would type, without `skerry`. */
  readonly example: string;
  /** Further ones, with what they do. */
  readonly more?: readonly (readonly [example: string, does: string])[];
  /** More for `-h`, when the summary does not say it all. */
  readonly details?: string;
  /** Whether `--project` says something to it. Without it the flag is refused: what is ignored is a mistake unseen. */
  readonly takesProject?: boolean;
  /** For an argument too many: the command that takes it. */
  readonly elsewhere?: (argument: string) => string;
  /** Exit status for whatever goes wrong here, where the other statuses are those of what it runs. */
  readonly failureStatus?: number;
  /** Resolves with the exit status where that is a result; else it is 0. */
  run(
    invocation: Invocation,
    input: { readonly args: readonly string[]; readonly flags: Flags<O> },
  ): Promise<void> | Promise<number>;
}
export type AnyCommand = Command<never>;

/** Keeps the types of the flags; nothing else happens. */
export function defineCommand<const O extends OptionSpecs>(command: Command<O>): Command<O> {
  return command;
}

/** A command that takes what follows as it is. */
export interface PassThrough {
  /** Its flags, for completion. */
  readonly options?: OptionSpecs;
  passThrough(terminal: Terminal, argv: readonly string[], entries: readonly Entry[]): Promise<number>;
}

/** A line of the table of commands. Nothing of a command is loaded before it is called. */
export interface Entry {
  /** `bucket ls` */
  readonly words: string;
  readonly summary: string;
  /** For other programs: in no help, and never suggested. */
  readonly hidden?: true;
  readonly load: () => Promise<AnyCommand | PassThrough>;
}
