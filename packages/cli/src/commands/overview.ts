/** What there is: all commands, or those of a group. */
import type { Entry } from "./command.ts";

export function groupHelp(entries: readonly Entry[], group: string): string {
  const shown = entries.filter(({ hidden }) => hidden !== true);
  const lines = group === "" ? everything(shown) : within(shown, group);
  const usage = group === "" ? "skerry COMMAND [flags]" : `skerry ${group} COMMAND [flags]`;
  const title = group === "" ? ["The private cloud that you run from a terminal on the machines you own.", ""] : [];
  const more = `skerry ${group === "" ? "" : `${group} `}COMMAND -h shows how one is used.`;
  return [usage, "", ...title, ...lines, "", more, ""].join("\n");
}

function within(entries: readonly Entry[], group: string): string[] {
  const shown = entries.filter(({ words }) => words.startsWith(`${group} `));
  return ["Commands:", ...columns(shown.map(({ words, summary }) => [words, summary]))];
}

/** What people do all day with a line each; the rest by group, with its verbs. */
function everything(entries: readonly Entry[]): string[] {
  const single = entries.filter(({ words }) => !words.includes(" "));
  const groups = new Map<string, string[]>();
  for (const { words } of entries) {
    const [group = "", verb] = words.split(" ");
    if (verb !== undefined) groups.set(group, [...(groups.get(group) ?? []), verb]);
  }
  return [
    "Commands:",
    ...columns(single.map(({ words, summary }) => [words, summary])),
    "",
    "By resource:",
    ...columns([...groups].map(([group, verbs]) => [group, verbs.join(", ")])),
  ];
}

function columns(rows: readonly (readonly [word: string, text: string])[]): string[] {
  const width = Math.max(...rows.map(([word]) => word.length));
  return rows.map(([word, text]) => `  ${word.padEnd(width)}  ${text}`);
}
