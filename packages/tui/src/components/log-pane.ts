/** The lines of a log that are in sight. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { cutToWidth, textWidth } from "@skerry/core/contract/present/width.ts";
import type { Line } from "./line.ts";

/** Colours are left out, everything else that would steer the terminal is shown as text. */
const COLOR = /\x1b\[[0-9;:]*m/g;

export function plainLogLine(line: string): string {
  return escapeText(line.replace(COLOR, "").replaceAll("\t", "    "));
}

/** Exactly what fits. `top`: first line; `atEnd`: the last one must be in sight. */
export function drawLog(
  lines: readonly string[],
  view: { readonly top: number; readonly wrap: boolean; readonly atEnd: boolean },
  width: number,
  height: number,
): Line[] {
  const seen = lines.slice(view.top, view.top + height);
  const rows = seen.flatMap((line) => {
    const plain = plainLogLine(line);
    return view.wrap ? breakText(plain, width - 2) : [cutToWidth(plain, width - 2)];
  });
  const fits = view.atEnd ? rows.slice(-height) : rows.slice(0, height);
  return fits.map((row): Line => [{ text: ` ${row}` }]);
}

/** At the width, wherever that is: a log has no words. */
function breakText(text: string, width: number): string[] {
  const rows: string[] = [];
  let row = "";
  let taken = 0;
  for (const char of text) {
    const wide = textWidth(char);
    if (taken + wide > width) {
      rows.push(row);
      row = "";
      taken = 0;
    }
    row += char;
    taken += wide;
  }
  return [...rows, row];
}
