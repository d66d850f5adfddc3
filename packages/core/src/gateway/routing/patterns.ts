/** Patterns of routes: refused when they are declared, compiled when a request first asks for them. */
import { SkerryError } from "../../domain/errors.ts";
import { CONDITION_PLACES, type RouteMatch } from "../../domain/route-match.ts";
import { Regex } from "./regex/regex.ts";

/** Whether all patterns of a route can be used. `path` is its path. @throws `invalid` that names the field. */
export function assertPatterns(path: string, match: RouteMatch): void {
  if (match.path === "regex" && !compile(path, "path").mayBegin("/")) {
    throw new SkerryError("invalid", `No path matches the pattern "${path}": paths begin with /.`, {
      hint: `Like ^/api/v\\d+ for what begins so, or \\.png$ for what ends so.`,
      details: { field: "path" },
    });
  }
  for (const place of CONDITION_PLACES) {
    for (const { type, value } of match[place] ?? []) if (type === "regex") compile(value ?? "", place);
  }
}

function compile(source: string, field: string): Regex {
  try {
    return new Regex(source);
  } catch (error) {
    if (!(error instanceof SkerryError)) throw error;
    const { message, hint } = error;
    throw new SkerryError("invalid", message, { ...(hint === undefined ? {} : { hint }), details: { field } });
  }
}

/** A pattern that is compiled at its first use: of many routes few are asked for. */
export class LazyRegex {
  readonly source: string;
  #regex: Regex | undefined;

  constructor(source: string) {
    this.source = source;
  }

  /** False for a pattern that could not be read: then the route was never in force. */
  test(text: string): boolean {
    this.#regex ??= new Regex(this.source);
    return this.#regex.test(text);
  }
}
