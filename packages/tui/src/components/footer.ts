/** The last line: what the keys do here. */
import { actionFor, BINDINGS, keySign } from "../keys/registry.ts";
import type { Screen } from "../screens/screen.ts";
import { fitLine, type Line, lineWidth, type Piece } from "./line.ts";

type Hint = readonly [key: string, does: string];

/** Those of the screen first; what does not fit is in the help. */
export function drawHints(screen: Screen, below: boolean, width: number): Line {
  const own = screen.keys.map(({ key, does }): Hint => [key, does]);
  const shared = BINDINGS.filter(({ short, modes }) => short !== undefined && modes.includes("list"));
  const help = shared.filter(({ action }) => action === "help" || action === "quit");
  const twice = (action: string) => action === "detail" && screen.enterDoes === "details";
  const rest = shared.filter((binding) => !help.includes(binding) && !twice(binding.action));
  const hint = ({ keys, short = "" }: (typeof shared)[number]): Hint => [keys[0] ?? "", short];
  const back: Hint[] = below ? [["esc", "back"]] : [];
  const last = hints(help.map(hint));
  const first: Hint[] = [["enter", screen.enterDoes], ...back, ...own, ...rest.map(hint)];
  for (let n = first.length; n >= 0; n--) {
    const line = [...hints(first.slice(0, n)), ...last];
    if (lineWidth(line) <= width || n === 0) return fitLine(line, width);
  }
  return [];
}

export function hints(all: readonly Hint[]): Line {
  return all.flatMap(([key, does]): Piece[] => [
    { text: ` ${keySign(key)}`, tone: "accent", bold: true },
    { text: ` ${does} ` },
  ]);
}

/** All keys of the list, for the help. */
export function drawHelp(screen: Screen): Line[] {
  const entry = (keys: string, does: string): Line => [
    { text: `  ${keys.padEnd(18)}`, tone: "accent", bold: true },
    { text: does },
  ];
  const title = (text: string): Line => [{ text: ` ${text}`, bold: true }];
  const section = (mode: "list" | "filter" | "question") =>
    BINDINGS.filter(({ modes }) => modes.includes(mode)).map(({ keys, does }) =>
      entry(keys.map(keySign).join("  "), does),
    );
  const own = screen.keys.filter(({ key }) => actionFor("list", key) === undefined);
  return [
    title(screen.title.includes(":") ? "Here" : screen.title),
    entry(keySign("enter"), screen.enterDoes),
    ...own.map(({ key, does }) => entry(key, does)),
    [],
    title("Everywhere"),
    ...section("list"),
    [],
    title("While a filter is typed"),
    ...section("filter"),
    [],
    title("While something is asked"),
    ...section("question"),
  ];
}
