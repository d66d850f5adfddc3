/** Columns that text takes on a terminal. Enough of UAX #11: wide East Asian characters and emoji two, marks none. */

const ZERO = /[\p{Mn}\p{Me}]|\u200d|[\ufe00-\ufe0f]/u;
const EMOJI = /\p{Emoji_Presentation}/u;
/** East Asian Wide and Fullwidth, as ranges of code points. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
];

export function textWidth(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

function charWidth(char: string): number {
  if (ZERO.test(char)) return 0;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x1100) return 1;
  return WIDE.some(([first, last]) => code >= first && code <= last) || EMOJI.test(char) ? 2 : 1;
}

/** The text, or as much of it as fits with `…` behind it. */
export function cutToWidth(text: string, maxWidth: number): string {
  if (textWidth(text) <= maxWidth) return text;
  let kept = "";
  let width = 0;
  for (const char of text) {
    width += charWidth(char);
    if (width > maxWidth - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

export function padToWidth(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - textWidth(text)));
  return align === "right" ? space + text : text + space;
}
