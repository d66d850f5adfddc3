/** Pairs of a name and what it is, one a line, the names aligned. */
import { escapeText } from "./escape.ts";

export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${`${name.padEnd(width)}  ${escapeText(value)}`.trimEnd()}\n`).join("");
}
