/** Pairs of a name and what it is, one a line, the names aligned. */
import { escapeText } from "./escape.ts";

/** A value of several parts has a line for each; of none it is not told. */
export type Fact = readonly [name: string, value: string | readonly string[]];

export function formatFacts(facts: readonly Fact[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  const line = (name: string, value: string) => `${`${name.padEnd(width)}  ${escapeText(value)}`.trimEnd()}\n`;
  return facts.flatMap(([name, value]) => [value].flat().map((part, i) => line(i === 0 ? name : "", part))).join("");
}
