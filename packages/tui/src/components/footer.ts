/** The last line: what the keys do here. And all of them, for the help. */
import { type Action, actionFor, BINDINGS, keySign, type Mode, shortIn } from "../keys/registry.ts";
import type { Screen } from "../screens/screen.ts";
import { fitLine, type Line, lineWidth, type Piece } from "./line.ts";

type Hint = readonly [key: string, does: string];

/** Those of the screen first; what does not fit is in the help. */
export function drawHints(screen: Screen, below: boolean, width: number): Line {
  const own = screen.keys.map(({ key, does }): Hint => [key, does]);
  const twice: readonly Action[] = screen.enterDoes === "details" ? ["detail"] : [];
  const back: Hint[] = below ? [["esc", "back"]] : [];
  const ends: readonly Action[] = ["help", "quit"];
  const first = [["enter", screen.enterDoes] as const, ...back, ...own, ...hintsFor("list", {}, [...twice, ...ends])];
  return fitting(first, hintsFor("list", {}, [], ends), width);
}

/** Those of a mode, in the order of the registry. `words`: what they mean just now. */
export function hintsOf(
  mode: Mode,
  width: number,
  words: Readonly<Partial<Record<Action, string>>> = {},
  without: readonly Action[] = [],
): Line {
  return fitting(hintsFor(mode, words, without), [], width);
}

function hintsFor(
  mode: Mode,
  words: Readonly<Partial<Record<Action, string>>>,
  without: readonly Action[],
  only?: readonly Action[],
): Hint[] {
  return BINDINGS.flatMap((binding): Hint[] => {
    const { action, keys } = binding;
    const word = shortIn(binding, mode);
    if (word === undefined || without.includes(action) || only?.includes(action) === false) return [];
    return [[keys[0] ?? "", words[action] ?? word]];
  });
}

/** As many of the first as fit before the last. */
function fitting(first: readonly Hint[], last: readonly Hint[], width: number): Line {
  for (let n = first.length; n > 0; n--) {
    const line = piecesOf([...first.slice(0, n), ...last]);
    if (lineWidth(line) <= width) return fitLine(line, width);
  }
  return fitLine(piecesOf(last), width);
}

function piecesOf(all: readonly Hint[]): Line {
  return all.flatMap(([key, does]): Piece[] => [
    { text: ` ${keySign(key)}`, tone: "accent", bold: true },
    { text: ` ${does} ` },
  ]);
}

const SECTIONS: readonly (readonly [mode: Mode, title: string])[] = [
  ["list", "Everywhere"],
  ["log", "In a log"],
  ["filter", "While a filter is typed"],
  ["goto", "While the name of a screen is typed"],
  ["question", "While something is asked"],
  ["form", "In a form"],
];

/** All keys, those of the screen, or of the form that is open, first. */
export function drawHelp(screen: Screen, inForm = false): Line[] {
  const entry = (keys: string, does: string): Line => [
    { text: `  ${keys.padEnd(18)}`, tone: "accent", bold: true },
    { text: does },
  ];
  const title = (text: string): Line => [{ text: ` ${text}`, bold: true }];
  const keysIn = (mode: Mode) =>
    BINDINGS.filter(({ modes }) => modes.includes(mode)).map(({ keys, does }) =>
      entry(keys.map(keySign).join("  "), does),
    );
  const sections = SECTIONS.filter(([mode]) => !inForm || mode !== "form");
  const rest = sections.flatMap(([mode, text]) => [[], title(text), ...keysIn(mode)]);
  if (inForm) return [title("In this form"), ...keysIn("form"), ...rest];
  const own = screen.keys.filter(({ key }) => actionFor("list", key) === undefined);
  return [
    title(screen.title.includes(":") ? "Here" : screen.title),
    entry(keySign("enter"), screen.enterDoes),
    ...own.map(({ key, does }) => entry(keySign(key), does)),
    ...(screen.filterWords === undefined ? [] : [[], title("Words of its filter, which all must hold")]),
    ...(screen.filterWords ?? []).map(([word, does]) => entry(word, does)),
    ...rest,
  ];
}
