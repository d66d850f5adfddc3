/** What a pattern says plainly, before it has to be tried. */
import { type Pattern, parsePattern } from "./syntax.ts";

/** What every text that matches begins with; `""` when that is not known. @throws `invalid`. */
export function literalPrefix(source: string): string {
  return prefixOf(parsePattern(source));
}

/** One character after another, as long as there is no choice. */
export function prefixOf(pattern: Pattern): string {
  const parts = pattern.kind === "all" ? pattern.parts : [pattern];
  if (parts[0]?.kind !== "start") return "";
  let prefix = "";
  for (const part of parts.slice(1)) {
    if (part.kind !== "set" || part.char === undefined) break;
    prefix += part.char;
  }
  return prefix;
}
