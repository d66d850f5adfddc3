/** What routes ask for besides their path, and patterns: refused when they are declared, compiled when a request first asks for them. */
import { SkerryError } from "../../domain/errors.ts";
import { CONDITION_PLACES, type RouteMatch } from "../../domain/route-match.ts";
import { isPassedOn } from "../http1/request-head.ts";
import { Regex } from "./regex/regex.ts";

/** Whether all that a route asks for can be looked at. `path` is its path. @throws `invalid` that names the field. */
export function assertMatch(path: string, match: RouteMatch): void {
  if (match.path === "regex" && !compile(path, "path").mayBegin("/")) {
    throw new SkerryError("invalid", `No path matches the pattern "${path}": paths begin with /.`, {
      hint: `Like ^/api/v\\d+ for what begins so, or \\.png$ for what ends so.`,
      details: { field: "path" },
    });
  }
  const hidden = match.headers?.find(({ name }) => !isPassedOn(name));
  if (hidden !== undefined) {
    throw new SkerryError(
      "invalid",
      `A route cannot ask for the header ${hidden.name}: the gateway takes it out, or reads it itself.`,
      {
        hint: hidden.name === "host" ? "The host name is the beginning of the route." : "Choose a header of your own.",
        details: { field: "headers" },
      },
    );
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
