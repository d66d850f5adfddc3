/** What a screen is made of: lines of pieces of text. Pure, so that tests read them; `lines.tsx` puts them on the terminal. */
import { cutToWidth, textWidth } from "@skerry/core/contract/present/width.ts";

/** What a colour means. There is always a word beside it: a terminal may have no colours. */
export type Tone = "plain" | "accent" | "good" | "warn" | "bad" | "faint";

export interface Piece {
  /** Escaped: nothing in it steers a terminal. */
  readonly text: string;
  readonly tone?: Tone;
  readonly bold?: boolean;
  readonly inverse?: boolean;
}

export type Line = readonly Piece[];

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + textWidth(text), 0);
}

/** Exactly `width` columns: filled with spaces, or cut with `…`. */
export function fitLine(line: Line, width: number, fill: Partial<Piece> = {}): Line {
  const pieces: Piece[] = [];
  let left = width;
  for (const piece of line) {
    const taken = textWidth(piece.text);
    if (taken <= left) {
      pieces.push(piece);
      left -= taken;
      continue;
    }
    const text = left > 0 ? cutToWidth(piece.text, left) : "";
    if (text !== "") pieces.push({ ...piece, text });
    left -= textWidth(text);
    break;
  }
  if (left > 0) pieces.push({ ...fill, text: " ".repeat(left) });
  return pieces;
}

/** One left, one right, and what is between them filled. The right one gives way. */
export function spread(left: Line, right: Line, width: number): Line {
  const space = width - lineWidth(left) - lineWidth(right);
  return space < 1 ? fitLine(left, width) : [...left, { text: " ".repeat(space) }, ...right];
}
