/** Every key, once: what the app does with it, what the last line shows, and the help are made from it. */

export type Mode = "list" | "filter" | "text" | "log" | "question";

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
  | "sort"
  | "reverse"
  | "refresh"
  | "problems"
  | "wrap"
  | "next-screen"
  | "previous-screen"
  | "screen"
  | "help"
  | "quit"
  | "accept"
  | "cancel"
  | "erase"
  | "clear";

export interface Binding {
  readonly keys: readonly string[];
  readonly action: Action;
  readonly modes: readonly Mode[];
  /** What it does, for the help. */
  readonly does: string;
  /** One word for the last line; absent: only in the help. */
  readonly short?: string;
}

const MOVES: readonly Mode[] = ["list", "text", "log"];

export const BINDINGS: readonly Binding[] = [
  { keys: ["up", "k"], action: "up", modes: MOVES, does: "one line up" },
  { keys: ["down", "j"], action: "down", modes: MOVES, does: "one line down" },
  { keys: ["pgup", "ctrl-b"], action: "page-up", modes: MOVES, does: "one page up" },
  { keys: ["pgdn", "ctrl-f"], action: "page-down", modes: MOVES, does: "one page down" },
  { keys: ["home", "g"], action: "first", modes: MOVES, does: "to the first" },
  { keys: ["end", "G"], action: "last", modes: MOVES, does: "to the last" },
  { keys: ["enter", "right", "l"], action: "enter", modes: ["list"], does: "open what is chosen" },
  { keys: ["esc", "left", "h"], action: "back", modes: MOVES, does: "back" },
  { keys: ["y"], action: "detail", modes: ["list"], does: "all that is known of it", short: "details" },
  {
    keys: ["/"],
    action: "filter",
    modes: ["list", "log"],
    does: "show only rows with a text; esc shows all",
    short: "filter",
  },
  { keys: ["s"], action: "sort", modes: ["list"], does: "sort by the next column", short: "sort" },
  { keys: ["S"], action: "reverse", modes: ["list"], does: "sort the other way round" },
  { keys: ["r", "ctrl-r"], action: "refresh", modes: ["list"], does: "ask again" },
  { keys: ["!"], action: "problems", modes: ["list"], does: "how the cloud is, and what is not as it should be" },
  { keys: ["1-9"], action: "screen", modes: ["list"], does: "go to the screen of that number" },
  { keys: ["tab"], action: "next-screen", modes: ["list"], does: "to the next screen" },
  { keys: ["shift-tab"], action: "previous-screen", modes: ["list"], does: "to the screen before" },
  { keys: ["?"], action: "help", modes: ["list"], does: "these keys", short: "help" },
  { keys: ["q", "ctrl-c"], action: "quit", modes: ["list"], does: "leave", short: "quit" },
  { keys: ["q", "?", "y"], action: "back", modes: ["text"], does: "back" },
  { keys: ["w"], action: "wrap", modes: ["log"], does: "break long lines, or cut them", short: "wrap" },
  { keys: ["q"], action: "back", modes: ["log"], does: "back" },
  { keys: ["ctrl-c"], action: "quit", modes: ["text", "log", "filter", "question"], does: "leave" },
  { keys: ["enter"], action: "accept", modes: ["filter", "question"], does: "done" },
  { keys: ["esc"], action: "cancel", modes: ["filter", "question"], does: "give it up" },
  { keys: ["backspace", "delete"], action: "erase", modes: ["filter", "question"], does: "take a character back" },
  { keys: ["ctrl-u"], action: "clear", modes: ["filter", "question"], does: "take all back" },
  { keys: ["up"], action: "up", modes: ["filter"], does: "one line up" },
  { keys: ["down"], action: "down", modes: ["filter"], does: "one line down" },
];

/** What the key means there; undefined: nothing, or a character. */
export function actionFor(mode: Mode, key: string): Action | undefined {
  const digit = /^[1-9]$/.test(key) ? "1-9" : key;
  return BINDINGS.find(({ keys, modes }) => modes.includes(mode) && keys.includes(digit))?.action;
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
};

/** As it stands on a keyboard. */
export function keySign(key: string): string {
  return SIGNS[key] ?? key.replace(/^ctrl-(.)$/, (_, letter: string) => `Ctrl-${letter.toUpperCase()}`);
}
