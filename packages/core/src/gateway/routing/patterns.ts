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

/** Compiled patterns that somebody holds: routes whose patterns differ only in how they begin share the rest. */
const compiled = new Map<string, WeakRef<Regex>>();
const dropped = new FinalizationRegistry<string>((source) => {
  if (compiled.get(source)?.deref() === undefined) compiled.delete(source);
});

function shared(source: string): Regex {
  const known = compiled.get(source)?.deref();
  if (known !== undefined) return known;
  const regex = new Regex(source);
  compiled.set(source, new WeakRef(regex));
  dropped.register(regex, source);
  return regex;
}

/** A pattern that is compiled at its first use: of many routes few are asked for. */
export class LazyRegex {
  readonly source: string;
  /** Compared as it stands; what is behind it is matched. */
  readonly #plain: string;
  readonly #rest: string;
  #regex: Regex | undefined;

  /** `beginning`: what every text that matches begins with, as far as that is known. */
  constructor(source: string, beginning = "") {
    this.source = source;
    const rest = source.startsWith(`^${beginning}`) ? source.slice(beginning.length + 1) : undefined;
    // Any other ^ (not of a class) means the beginning of the whole text, which is not where the rest begins.
    const isApart = rest !== undefined && !rest.replaceAll("[^", "").includes("^");
    this.#plain = isApart ? beginning : "";
    this.#rest = isApart ? `^${rest}` : source;
  }

  /** False for a pattern that could not be read: then the route was never in force. */
  test(text: string): boolean {
    if (!text.startsWith(this.#plain)) return false;
    this.#regex ??= shared(this.#rest);
    return this.#regex.test(text, this.#plain.length);
  }
}
