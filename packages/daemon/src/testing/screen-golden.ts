/** What is seen on a terminal, next to what is kept under fixtures/tui/. UPDATE_GOLDEN=1 writes it: look before committing. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { textWidth } from "@skerry/core/contract/present/width.ts";

const GOLDEN = fileURLToPath(new URL("../../../../fixtures/tui/", import.meta.url));

/** Compares, and looks that every row fills the frame. `mask`: besides times, ages and ids. */
export function assertScreen(
  name: string,
  rows: readonly string[],
  mask: (row: string) => string = (row) => row,
): void {
  const frame = rows.filter((row) => /^[╭│╰┌└]/.test(row));
  assert.ok(frame.length > 2, `${name}: there is a frame\n${rows.join("\n")}`);
  const widths = new Set(frame.map(textWidth));
  assert.equal(widths.size, 1, `${name}: the edges stand in one line\n${rows.join("\n")}`);
  const text = `${rows.map((row) => mask(timeless(row))).join("\n")}\n`;
  const path = `${GOLDEN}${name}.txt`;
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
  assert.ok(existsSync(path), `${path} is missing: UPDATE_GOLDEN=1 writes it`);
  assert.equal(loose(text), loose(readFileSync(path, "utf8")));
}

function timeless(row: string): string {
  return row
    .replace(/\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g, "2026-08-02 10:15:30Z")
    .replace(/\b[a-z2-7]{26}\b/g, "aaaaaaaaaaaaaaaaaaaaaaaaaa")
    .replace(/\b\d+ (?:s|min|h)\b/g, (age) => "1 s".padStart(age.length));
}

/** An age of two digits pushes aside what is beside it, up to the edge: that much may differ. */
function loose(text: string): string {
  return text.replace(/ {2,}/g, "  ").replace(/ +│$/gm, "  │").replace(/─{2,}/g, "──");
}
