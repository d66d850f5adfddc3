/**
 * `skerry __complete SHELL ...`: what the scripts of `skerry completion` ask. Says nothing when something is wrong: nobody
 * wants an error in the line that they are typing.
 */
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { quoteForBash, readBashLine } from "../completion/bash-line.ts";
import { type Candidate, complete, type Sources } from "../completion/complete.ts";
import { createSources } from "../completion/sources.ts";
import { escapeText, isUnsafe } from "../output/escape.ts";
import { type Terminal, writeAll } from "../output/terminal.ts";
import type { Entry, PassThrough } from "./command.ts";

export const completeWords: PassThrough = {
  async passThrough(terminal, argv, entries) {
    const [shell, ...rest] = argv;
    const find: Find = (words) => candidates(entries, words, terminal);
    const lines = shell === "bash" ? await forBash(rest, find) : await forOthers(shell, rest, find);
    await writeAll(terminal.stdout, lines.map((line) => `${line}\n`).join(""));
    return 0;
  },
};

type Find = (words: readonly string[]) => Promise<readonly Candidate[]>;

async function forBash([breaks = "", text = ""]: readonly string[], find: Find): Promise<string[]> {
  const { words, kept, quote } = readBashLine(text, breaks);
  const found = await find(words);
  // Bash puts these in place of what stands after the last of its word breaks.
  // It closes a quote by itself.
  const end = quote === "" ? " " : "";
  return found.map((one) => quoteForBash(one.text.slice(kept.length), quote) + (one.open ? "" : end));
}

async function forOthers(shell: string | undefined, words: readonly string[], find: Find): Promise<string[]> {
  return (await find(words)).map(({ text, about = "", open }) => {
    const described = `${text}\t${escapeText(about)}`;
    return shell === "zsh" ? `${open ? "open" : "word"}\t${described}` : described;
  });
}

/** Names that could steer a terminal are not offered: they can be typed, with the quoting of the shell. */
async function candidates(
  entries: readonly Entry[],
  words: readonly string[],
  { env, signal }: Terminal,
): Promise<readonly Candidate[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.cli.completionMs)]);
  const found = await complete(entries, words, silent(createSources(env, deadline))).catch(() => []);
  return found.filter(({ text }) => !isUnsafe(text));
}

/** One that fails takes nothing from the others. */
function silent(sources: Sources): Sources {
  const none = (): readonly Candidate[] => [];
  return {
    names: (kind, flags) => sources.names(kind, flags).catch(none),
    images: (flags) => sources.images(flags).catch(none),
    places: (typed, flags) => sources.places(typed, flags).catch(none),
    contexts: () => sources.contexts().catch(none),
    files: (typed) => sources.files(typed).catch(none),
  };
}
