/** Longer text in lines. */
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { cutToWidth, textWidth } from "@skerry/core/contract/present/width.ts";
import { stringify } from "yaml";
import type { Line } from "./line.ts";

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

/** All that is known of a thing, as YAML: to read, not to parse. */
export function drawDetail(item: unknown): Line[] {
  return stringify(item, { lineWidth: 0, aliasDuplicateObjects: false })
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, before = "", key = "", value = ""] = /^(\s*(?:- )?)([\w.-]+:)?(.*)$/u.exec(line) ?? [];
      return [
        { text: ` ${escapeText(before)}` },
        { text: escapeText(key), tone: "accent" },
        { text: escapeText(value) },
      ];
    });
}
