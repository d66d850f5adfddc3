/** What there is: all commands, or those of a group. */
import type { Entry } from "./command.ts";

export function groupHelp(entries: readonly Entry[], group: string): string {
  const shown = group === "" ? entries : entries.filter(({ words }) => words.startsWith(`${group} `));
  const width = Math.max(...shown.map(({ words }) => words.length));
  const lines = shown.map(({ words, summary }) => `  ${words.padEnd(width)}  ${summary}`);
  const usage = group === "" ? "skerry COMMAND [flags]" : `skerry ${group} COMMAND [flags]`;
  const title = group === "" ? ["The private cloud that you run from a terminal on the machines you own.", ""] : [];
  const more = `skerry ${group === "" ? "" : `${group} `}COMMAND -h shows how one is used.`;
  return [usage, "", ...title, "Commands:", ...lines, "", more, ""].join("\n");
}
