/** What conditions look at in a request. Nothing is parsed before it is asked for. */
import type { ConditionPlace } from "../../domain/route-match.ts";
import { isName } from "../http1/grammar.ts";

/** The part of a request's head that decides about its route; `RequestHead` has it. */
export interface Asked {
  readonly method: string;
  /** In lower case, without a port. */
  readonly host: string;
  /** Path and query as they came, or `*`. */
  readonly target: string;
  /** Header lines, each with its end (CR LF); latin1. */
  readonly lines: string;
}

const COLON = 0x3a;
const EQUALS = 0x3d;

/** One is reused for all requests: `begin`, then ask. */
export class Facts {
  method = "";
  #lines = "";
  #query = "";
  /** Nothing in the query is encoded. Undefined: nobody has looked. */
  #isPlain: boolean | undefined;
  #cookies: string | undefined;
  /** The last question and its answer: a tree and the route that it leads to ask the same. */
  #lastPlace: ConditionPlace | undefined;
  #lastName = "";
  #last: string | undefined;
  readonly #all: Record<ConditionPlace, ReadonlyMap<string, string> | undefined> = {
    headers: undefined,
    query: undefined,
    cookies: undefined,
  };

  begin({ method, target, lines }: Asked): this {
    this.method = method;
    this.#lines = lines;
    const query = target.indexOf("?");
    this.#query = query < 0 ? "" : target.slice(query + 1);
    this.#isPlain = undefined;
    this.#cookies = undefined;
    this.#lastPlace = undefined;
    this.#all.headers = undefined;
    this.#all.query = undefined;
    this.#all.cookies = undefined;
    return this;
  }

  /** Undefined: it is not there. `name` of a header is in lower case. */
  value(place: ConditionPlace, name: string): string | undefined {
    if (place !== this.#lastPlace || name !== this.#lastName) {
      this.#lastPlace = place;
      this.#lastName = name;
      this.#last = this.#look(place, name);
    }
    return this.#last;
  }

  #look(place: ConditionPlace, name: string): string | undefined {
    switch (place) {
      case "headers":
        return headerValue(this.#lines, name);
      case "query":
        this.#isPlain ??= !this.#query.includes("%") && !this.#query.includes("+");
        return parameter(this.#query, name, this.#isPlain);
      default:
        return cookie(this.#allCookies(), name);
    }
  }

  /** All names that stand there, with their values. */
  all(place: ConditionPlace): ReadonlyMap<string, string> {
    this.#all[place] ??= this.#collect(place);
    return this.#all[place];
  }

  /** One pass over all of it: a client may send thousands of parameters. The same values as `value` gives. */
  #collect(place: ConditionPlace): Map<string, string> {
    const all = new Map<string, string>();
    if (place === "headers") {
      for (const line of this.#lines.split("\r\n")) {
        const colon = line.indexOf(":");
        if (colon < 0) continue;
        const name = line.slice(0, colon).toLowerCase();
        const before = all.get(name);
        all.set(name, before === undefined ? trimmed(line, colon + 1) : `${before}, ${trimmed(line, colon + 1)}`);
      }
      return all;
    }
    const parts = place === "query" ? this.#query.split("&") : this.#allCookies().split(";");
    for (const part of parts) {
      const equals = part.indexOf("=");
      if (place === "cookies" && equals < 0) continue;
      const left = equals < 0 ? part : part.slice(0, equals);
      const name = place === "query" ? decode(left) : left.replace(/^[ \t]+/, "");
      if (left === "" || all.has(name)) continue;
      const value = equals < 0 ? "" : part.slice(equals + 1);
      all.set(name, place === "query" ? decode(value) : value.trimEnd());
    }
    return all;
  }

  #allCookies(): string {
    this.#cookies ??= headerValue(this.#lines, "cookie", "; ") ?? "";
    return this.#cookies;
  }
}

function trimmed(text: string, from: number, to = text.length): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * All values of this name (lower case), joined as RFC 9110 5.3 has it: who reads one of them only is not led astray. Undefined:
 * there is none.
 */
export function headerValue(lines: string, name: string, glue = ", "): string | undefined {
  let found: string | undefined;
  for (let from = 0; from < lines.length; ) {
    const end = lines.indexOf("\r\n", from);
    const nameTo = from + name.length;
    if (lines.charCodeAt(nameTo) === COLON && isName(lines, from, nameTo, name)) {
      const value = trimmed(lines, nameTo + 1, end);
      found = found === undefined ? value : found + glue + value;
    }
    from = end + 2;
  }
  return found;
}

/** The first of the name, decoded as forms are: `+` is a space. `isPlain`: nothing is encoded. */
function parameter(query: string, name: string, isPlain: boolean): string | undefined {
  for (let from = 0; from < query.length; ) {
    const amp = query.indexOf("&", from);
    const to = amp < 0 ? query.length : amp;
    if (!isPlain) {
      const text = query.slice(from, to);
      const equals = text.indexOf("=");
      const left = equals < 0 ? text : text.slice(0, equals);
      if (left !== "" && decode(left) === name) return equals < 0 ? "" : decode(text.slice(equals + 1));
    } else if (query.startsWith(name, from) && !name.includes("=")) {
      const nameTo = from + name.length;
      if (nameTo === to) return "";
      if (nameTo < to && query.charCodeAt(nameTo) === EQUALS) return query.slice(nameTo + 1, to);
    }
    from = to + 1;
  }
  return undefined;
}

/** As it stands when it cannot be decoded. */
function decode(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** The first of the name (RFC 6265 5.4: the one with the longest path). */
function cookie(cookies: string, name: string): string | undefined {
  for (let from = 0; from < cookies.length; ) {
    const semicolon = cookies.indexOf(";", from);
    const to = semicolon < 0 ? cookies.length : semicolon;
    let at = from;
    while (isBlank(cookies.charCodeAt(at))) at++;
    if (cookies.startsWith(name, at) && cookies.charCodeAt(at + name.length) === EQUALS && at + name.length < to) {
      return cookies.slice(at + name.length + 1, to).trimEnd();
    }
    from = to + 1;
  }
  return undefined;
}
