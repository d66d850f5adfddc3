/** How a command is used. yargs lays it out; it is loaded only for this. */
import yargs from "yargs";
import { type AnyCommand, GLOBAL_OPTIONS, type OptionSpecs } from "./command.ts";

/** Text that is wider is hard to read. */
const MAX_HELP_COLUMNS = 80;

export async function commandHelp(
  words: string,
  summary: string,
  command: AnyCommand,
  columns: number,
): Promise<string> {
  const width = Math.min(columns, MAX_HELP_COLUMNS);
  const page = yargs([])
    .scriptName("skerry")
    .locale("en")
    .help(false)
    .version(false)
    .usage(usageText(words, summary, command))
    .wrap(width);
  const specs: OptionSpecs = { ...(command.options as OptionSpecs), ...GLOBAL_OPTIONS };
  for (const [name, { type, describe, alias, choices = [] }] of Object.entries(specs)) {
    const group = name in GLOBAL_OPTIONS ? "Everywhere:" : "Flags:";
    const told = choices.every((choice) => describe.includes(choice)) ? describe : `${describe}: ${choices.join(", ")}`;
    page.option(name, { type, describe: told, group, ...(alias === undefined ? {} : { alias }) });
  }
  return `${await page.getHelp()}\n\n${examplesText(command, width)}`;
}

/** Each on a line of its own, however long: what is torn apart cannot be copied. */
function examplesText({ example, more = [] }: AnyCommand, width: number): string {
  const rows = [[example, ""] as const, ...more].map(([line, does]) => [`  skerry ${line}`, does] as const);
  const longest = Math.max(...rows.map(([line]) => line.length));
  const beside = rows.every(([, does]) => longest + 2 + does.length <= width);
  const lines = rows.flatMap(([line, does]) => {
    if (does === "") return [line];
    return beside ? [`${line.padEnd(longest)}  ${does}`] : [line, `      ${does}`];
  });
  return `Examples:\n${lines.join("\n")}`;
}

function usageText(words: string, summary: string, command: AnyCommand): string {
  const usage = `skerry ${words} ${command.usage}`.trimEnd();
  return `${usage}\n\n${summary}.${command.details === undefined ? "" : `\n\n${command.details}`}`;
}
