/** What of the headers of a request the cache must look at, found in one pass: most requests have none of it. */
import { isName } from "../../http1/grammar.ts";

/** The request is never answered for all. */
export const UNSHARED = 1;
/** It says how old an answer may be. */
export const CONTROL = 2;
/** It wants a part, or nothing when the client has it. */
export const PARTICULAR = 4;

/**
 * Those behind the first line are no standard, but programs and frameworks take another method, path or host from them: their answer is
 * to something else than what it would be kept for.
 */
const UNSHARED_NAMES: readonly string[] = [
  ...["authorization", "cookie", "if-match", "if-unmodified-since"],
  ...["x-http-method-override", "x-http-method", "x-method-override"],
  ...["x-original-url", "x-original-uri", "x-rewrite-url", "x-host", "x-original-host", "x-http-host-override"],
];

/** By their length. */
const WATCHED: { readonly name: string; readonly trait: number }[][] = [];
for (const [trait, names] of [
  [UNSHARED, UNSHARED_NAMES],
  [CONTROL, ["cache-control", "pragma"]],
  [PARTICULAR, ["range", "if-range", "if-none-match", "if-modified-since"]],
] as const) {
  for (const name of names) {
    WATCHED[name.length] ??= [];
    WATCHED[name.length]?.push({ name, trait });
  }
}

/** Those of header lines, each with its end. */
export function traitsOf(lines: string): number {
  let traits = 0;
  for (let from = 0; from < lines.length; ) {
    const colon = lines.indexOf(":", from);
    const end = lines.indexOf("\r\n", from);
    for (const { name, trait } of WATCHED[colon - from] ?? NONE) {
      if (isName(lines, from, colon, name)) traits |= trait;
    }
    if (end < 0) return traits;
    from = end + 2;
  }
  return traits;
}

const NONE: (typeof WATCHED)[number] = [];
