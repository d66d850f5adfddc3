/** What an answer depends on (RFC 9110 12.5.5). */
import { headerValue } from "../routing/asked.ts";

/** The lines with these names in Vary, each once. */
export function withVary(lines: string, names: readonly string[]): string {
  const there = (headerValue(lines, "vary") ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  if (there.includes("*")) return lines;
  const missing = names.filter((name) => !there.includes(name.toLowerCase()));
  return missing.length === 0 ? lines : `${lines}Vary: ${missing.join(", ")}\r\n`;
}
