/** Every key, once: what the app does with it, what the last line shows, and the help are made from it. */

export type Mode = "list" | "filter" | "goto" | "text" | "log" | "question" | "form";

export type Action =
  | "up"
  | "down"
  | "page-up"
  | "page-down"
  | "first"
  | "last"
  | "enter"
  | "back"
  | "detail"
  | "filter"
  | "goto"
  | "sort"
  | "reverse"
  | "refresh"
  | "problems"
  | "pause"
  | "wrap"
  | "next-screen"
  | "previous-screen"
  | "screen"
  | "help"
  | "quit"
  | "accept"
  | "cancel"
  | "erase"
  | "clear"
  | "check"
  | "turn"
  | "turn-back"
  | "next-field"
  | "previous-field";

export interface Binding {
  readonly keys: readonly string[];
  readonly action: Action;
  readonly modes: readonly Mode[];
  /** What it does, for the help. */
  readonly does: string;
  /** One word for the last line, in all its modes or in these; absent: only in the help. */
  readonly short?: string | Readonly<Partial<Record<Mode, string>>>;
}

const MOVES: readonly Mode[] = ["list", "text", "log"];
const TYPING: readonly Mode[] = ["filter", "goto", "question", "form"];
const PAGES: readonly Mode[] = [...MOVES, "form"];
const FIELDS: readonly Mode[] = ["question", "form"];

/** In the order of the last line. */
export const BINDINGS: readonly Binding[] = [
  { keys: ["up", "k"], action: "up", modes: MOVES, does: "one line up", short: { text: "up", log: "up" } },
  { keys: ["down", "j"], action: "down", modes: MOVES, does: "one line down", short: { text: "down", log: "down" } },
  { keys: ["pgup", "ctrl-b"], action: "page-up", modes: PAGES, does: "one page up" },
  { keys: ["pgdn", "ctrl-f"], action: "page-down", modes: PAGES, does: "one page down" },
  { keys: ["home", "g"], action: "first", modes: MOVES, does: "to the first" },
  { keys: ["end", "G"], action: "last", modes: MOVES, does: "to the last; in a log, follow it" },
  { keys: ["space", "p"], action: "pause", modes: ["log"], does: "stop here, or follow", short: "pause" },
  { keys: ["enter", "right", "l"], action: "enter", modes: ["list"], does: "open what is chosen" },
  { keys: ["y"], action: "detail", modes: ["list"], does: "all that is known of it", short: "details" },
  {
    keys: ["/"],
    action: "filter",
    modes: ["list", "log"],
    does: "only what has a text; esc shows all",
    short: "filter",
  },
  { keys: ["w"], action: "wrap", modes: ["log"], does: "break long lines, or cut them", short: "wrap" },
  { keys: ["s"], action: "sort", modes: ["list"], does: "sort by the next column", short: "sort" },
  { keys: ["S"], action: "reverse", modes: ["list"], does: "sort the other way round" },
  { keys: ["r", "ctrl-r"], action: "refresh", modes: ["list"], does: "ask again" },
  { keys: ["!"], action: "problems", modes: ["list"], does: "how the cloud is, and what is not as it should be" },
  { keys: ["1-9"], action: "screen", modes: ["list"], does: "go to the screen of that number" },
  { keys: [":"], action: "goto", modes: ["list"], does: "go to a screen by its name", short: "go to" },
  { keys: ["tab"], action: "next-screen", modes: ["list"], does: "to the next screen" },
  { keys: ["shift-tab"], action: "previous-screen", modes: ["list"], does: "to the screen before" },
  { keys: ["esc", "left", "h"], action: "back", modes: MOVES, does: "back", short: { text: "back", log: "back" } },
  { keys: ["?"], action: "help", modes: ["list", "log"], does: "these keys", short: "help" },
  { keys: ["q", "?", "y"], action: "back", modes: ["text"], does: "back" },
  { keys: ["q"], action: "back", modes: ["log"], does: "back" },
  { keys: ["q", "ctrl-c"], action: "quit", modes: ["list"], does: "leave", short: "quit" },
  { keys: ["ctrl-c"], action: "quit", modes: ["text", "log", ...TYPING], does: "leave" },
  {
    keys: ["enter"],
    action: "accept",
    modes: TYPING,
    does: "done; in the last field, do it",
    short: { filter: "keep the filter", goto: "go there", question: "do it", form: "next" },
  },
  {
    keys: ["esc"],
    action: "cancel",
    modes: TYPING,
    does: "give it up",
    short: { filter: "show all", goto: "stay here", question: "leave it", form: "leave it" },
  },
  { keys: ["ctrl-s"], action: "check", modes: ["form"], does: "look at what would change", short: "look, then save" },
  { keys: ["right"], action: "turn", modes: ["form"], does: "the next choice; open a part", short: "choose" },
  { keys: ["left"], action: "turn-back", modes: ["form"], does: "the choice before; close a part" },
  { keys: ["ctrl-r"], action: "refresh", modes: ["form"], does: "take in what others have changed" },
  { keys: ["backspace", "delete"], action: "erase", modes: TYPING, does: "take a character back" },
  { keys: ["ctrl-u"], action: "clear", modes: TYPING, does: "take all back" },
  { keys: ["up"], action: "up", modes: ["filter"], does: "one line up" },
  { keys: ["down"], action: "down", modes: ["filter"], does: "one line down" },
  {
    keys: ["tab", "down"],
    action: "next-field",
    modes: FIELDS,
    does: "to the next field",
    short: { question: "next" },
  },
  { keys: ["shift-tab", "up"], action: "previous-field", modes: FIELDS, does: "to the field before" },
];

/** What the key means there; undefined: nothing, or a character. */
export function actionFor(mode: Mode, key: string): Action | undefined {
  const digit = /^[1-9]$/.test(key) ? "1-9" : key === " " ? "space" : key;
  return BINDINGS.find(({ keys, modes }) => modes.includes(mode) && keys.includes(digit))?.action;
}

/** Its word for the last line of that mode. */
export function shortIn({ short, modes }: Binding, mode: Mode): string | undefined {
  if (!modes.includes(mode)) return undefined;
  return typeof short === "string" ? short : short?.[mode];
}

const SIGNS: Readonly<Record<string, string>> = {
  up: "↑",
  down: "↓",
  left: "←",
  right: "→",
  pgup: "PgUp",
  pgdn: "PgDn",
  home: "Home",
  end: "End",
  enter: "Enter",
  esc: "Esc",
  tab: "Tab",
  "shift-tab": "Shift-Tab",
  space: "Space",
  " ": "Space",
};

/** As it stands on a keyboard. */
export function keySign(key: string): string {
  return SIGNS[key] ?? key.replace(/^ctrl-(.)$/, (_, letter: string) => `Ctrl-${letter.toUpperCase()}`);
}
