/** Longer text in lines. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { cutToWidth, textWidth } from "@skerry/core/contract/present/width.ts";
import { stringify } from "yaml";
import type { Paragraph } from "../screens/screen.ts";
import { type Line, lineWidth } from "./line.ts";

/** In lines of at most `width` columns, between words where there are some. The text is escaped already. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter((one) => one !== "")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (textWidth(longer) <= width) line = longer;
    else {
      if (line !== "") lines.push(line);
      line = cutToWidth(word, width);
    }
  }
  if (line !== "") lines.push(line);
  return lines;
}

/** Lines of exactly what fits, wherever that ends: a log has no words. The text is escaped already. */
export function breakText(text: string, width: number): string[] {
  const rows: string[] = [];
  let row = "";
  let taken = 0;
  for (const char of text) {
    const wide = textWidth(char);
    if (taken + wide > width && row !== "") {
      rows.push(row);
      row = "";
      taken = 0;
    }
    row += char;
    taken += wide;
  }
  return [...rows, row];
}

/** All that is known of a thing, as YAML: to read, not to parse. What is longer goes on below its value. */
export function drawDetail(item: unknown, width: number): Line[] {
  return stringify(item, { lineWidth: 0, aliasDuplicateObjects: false })
    .trimEnd()
    .split("\n")
    .flatMap((line) => {
      const [, before = "", key = "", value = ""] = /^(\s*(?:- )?)([\w.-]+:)?(.*)$/u.exec(line) ?? [];
      const indent = 1 + textWidth(before) + (key === "" ? 0 : 2);
      const head: Line = [{ text: ` ${before}` }, { text: escapeText(key), tone: "accent" }];
      const room = width - lineWidth(head) - 1;
      const text = escapeText(value);
      if (textWidth(text) <= room) return [[...head, { text }]];
      const rows = breakText(text.trimStart(), Math.max(8, width - indent - 1));
      const below = rows.map((row): Line => [{ text: " ".repeat(indent) + row }]);
      // An element of a list begins where its dash is.
      const [first, ...others] = rows;
      return key === "" ? [[...head, { text: first ?? "" }], ...below.slice(1, 1 + others.length)] : [head, ...below];
    });
}

/** Paragraphs, each with its mark before its first line. */
export function drawParagraphs(paragraphs: readonly Paragraph[], width: number): Line[] {
  return paragraphs.flatMap(({ mark, text, tone = "plain", bold = false }): Line[] => {
    const head = mark === undefined ? " " : ` ${mark} `;
    const rows = wrapText(escapeText(text), width - textWidth(head) - 1);
    if (rows.length === 0) return [[]];
    return rows.map((row, i) => [
      { text: i === 0 ? head : " ".repeat(textWidth(head)), tone },
      { text: row, tone, bold },
    ]);
  });
}
