/** How a command is used. yargs lays it out; it is loaded only for this. */
import yargs from "yargs";
import { type AnyCommand, GLOBAL_OPTIONS, type OptionSpecs } from "./command.ts";

/** Text that is wider is hard to read. */
const MAX_HELP_COLUMNS = 80;

export function commandHelp(words: string, summary: string, command: AnyCommand, columns: number): Promise<string> {
  const page = yargs([])
    .scriptName("skerry")
    .locale("en")
    .help(false)
    .version(false)
    .usage(usageText(words, summary, command))
    .example([[command.example, ""] as const, ...(command.more ?? [])].map(([line, does]) => [`skerry ${line}`, does]))
    .wrap(Math.min(columns, MAX_HELP_COLUMNS));
  const specs: OptionSpecs = { ...(command.options as OptionSpecs), ...GLOBAL_OPTIONS };
  for (const [name, { type, describe, alias }] of Object.entries(specs)) {
    const group = name in GLOBAL_OPTIONS ? "Everywhere:" : "Flags:";
    page.option(name, { type, describe, group, ...(alias === undefined ? {} : { alias }) });
  }
  return page.getHelp();
}

function usageText(words: string, summary: string, command: AnyCommand): string {
  const usage = `skerry ${words} ${command.usage}`.trimEnd();
  return `${usage}\n\n${summary}.${command.details === undefined ? "" : `\n\n${command.details}`}`;
}
