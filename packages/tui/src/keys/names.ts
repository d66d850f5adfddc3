/** From what a terminal sends to names of keys. */
import type { Key } from "ink";

const NAMED: readonly (readonly [keyof Key, string])[] = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "pgup"],
  ["pageDown", "pgdn"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["escape", "esc"],
  ["backspace", "backspace"],
  ["delete", "delete"],
];

/** A burst of characters, as from fast typing or a paste, arrives as one string: it is as many keys. */
export function keyNames(input: string, key: Key): string[] {
  // Esc and a key so soon after it that they look like one: nothing here is bound to Alt.
  if (key.meta) return ["esc", ...keyNames(input, { ...key, meta: false })];
  if (key.tab) return [key.shift ? "shift-tab" : "tab"];
  const named = NAMED.find(([flag]) => key[flag] === true);
  if (named !== undefined) return [named[1]];
  if (key.ctrl) return input === "" ? [] : [`ctrl-${input}`];
  return Array.from(input, (char) => {
    if (char === "\r" || char === "\n") return "enter";
    if (char === "\t") return "tab";
    if (char === "\x7f" || char === "\b") return "backspace";
    // Ctrl with a letter is the place of the letter.
    return char < "\x1b" ? `ctrl-${String.fromCharCode(char.charCodeAt(0) + 0x60)}` : char;
  });
}

/** A character that a prompt takes. */
export function isText(key: string): boolean {
  return Array.from(key).length === 1 && !/\p{Cc}/u.test(key);
}
