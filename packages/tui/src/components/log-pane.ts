/** The lines of a log that are in sight. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { cutToWidth } from "@skerry/core/contract/present/width.ts";
import type { Line, Piece } from "./line.ts";
import { breakText } from "./text.ts";

/** Colours are left out, everything else that would steer the terminal is shown as text. */
const COLOR = /\x1b\[[0-9;:]*m/g;

export function plainLogLine(line: string): string {
  return escapeText(line.replace(COLOR, "").replaceAll("\t", "    "));
}

/** Exactly what fits. `top`: first line; `atEnd`: the last one must be in sight. */
export function drawLog(
  lines: readonly string[],
  view: { readonly top: number; readonly wrap: boolean; readonly atEnd: boolean; readonly mark: string },
  width: number,
  height: number,
): Line[] {
  const seen = lines.slice(view.top, view.top + height);
  const rows = seen.flatMap((line) => {
    const plain = plainLogLine(line);
    return view.wrap ? breakText(plain, width - 2) : [cutToWidth(plain, width - 2)];
  });
  const fits = view.atEnd ? rows.slice(-height) : rows.slice(0, height);
  return fits.map((row): Line => [{ text: " " }, ...marked(row, view.mark)]);
}

/** With what was searched for standing out. */
function marked(row: string, mark: string): Piece[] {
  if (mark === "") return [{ text: row }];
  const pieces: Piece[] = [];
  const lower = row.toLowerCase();
  const wanted = mark.toLowerCase();
  let from = 0;
  // Where lower case has another length the places would not be those of the row.
  for (let at = lower.length === row.length ? lower.indexOf(wanted) : -1; at >= 0; at = lower.indexOf(wanted, from)) {
    pieces.push({ text: row.slice(from, at) }, { text: row.slice(at, at + wanted.length), tone: "accent", bold: true });
    from = at + wanted.length;
  }
  return [...pieces, { text: row.slice(from) }];
}
