/** What a request must have, besides host and path, to take a route. Plain rules; `gateway/routing` carries them out. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** One thing that is asked of a header, a parameter of the query or a cookie. `value` is absent for the last two types. */
export interface Condition {
  readonly name: string;
  readonly type: "exact" | "regex" | "present" | "absent";
  readonly value?: string;
}

export interface RouteMatch {
  /** How the route's path is read. Absent: as a prefix. */
  readonly path?: "exact" | "regex";
  /** One of them. Absent: any. */
  readonly methods?: readonly string[];
  /** All of them, as all of those below. */
  readonly headers?: readonly Condition[];
  readonly query?: readonly Condition[];
  readonly cookies?: readonly Condition[];
}

/** Where conditions look. */
export const CONDITION_PLACES = ["headers", "query", "cookies"] as const;
export type ConditionPlace = (typeof CONDITION_PLACES)[number];
const NOUNS = { headers: "header", query: "query parameter", cookies: "cookie" } as const;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const { maxConditions, maxMethods, maxConditionName, maxConditionValue } = LIMITS.gateway;

/**
 * One spelling for what means the same, so that two routes can be told to be alike: names of headers in lower case,
 * all in order, nothing twice. Undefined when nothing is asked. Patterns are not looked at. @throws `invalid`.
 */
export function canonicalMatch(match: RouteMatch | undefined): RouteMatch | undefined {
  if (match === undefined) return undefined;
  const methods = canonicalMethods(match.methods ?? []);
  const given = CONDITION_PLACES.map((place) => [place, match[place] ?? []] as const);
  const count = given.reduce((sum, [, all]) => sum + all.length, 0);
  if (count > maxConditions) {
    throw refuse(
      "headers",
      `A route asks for ${maxConditions} headers, query parameters and cookies at most, not ${count}.`,
    );
  }
  const canonical: RouteMatch = {
    ...(match.path === undefined ? {} : { path: match.path }),
    ...(methods.length === 0 ? {} : { methods }),
    ...Object.fromEntries(
      given.filter(([, all]) => all.length > 0).map(([place, all]) => [place, canonicalAll(place, all)]),
    ),
  };
  return Object.keys(canonical).length === 0 ? undefined : canonical;
}

/** The same for what is alike: where two routes of a host have it, they would take the same requests. */
export function matchKey(path: string, match: RouteMatch | undefined): string {
  return match === undefined ? path : `${path} ${JSON.stringify(canonicalMatch(match))}`;
}

function canonicalMethods(methods: readonly string[]): readonly string[] {
  const sorted = [...new Set(methods.map((method) => method.toUpperCase()))].toSorted();
  if (sorted.length > maxMethods) throw refuse("methods", `A route asks for ${maxMethods} methods at most.`);
  const strange = sorted.find((method) => !TOKEN.test(method) || method.length > maxConditionName);
  if (strange !== undefined)
    throw refuse("methods", `${JSON.stringify(strange)} is not a method of HTTP.`, "Like GET or POST.");
  if (sorted.includes("CONNECT")) throw refuse("methods", "CONNECT is never passed on.");
  return sorted;
}

function canonicalAll(place: ConditionPlace, conditions: readonly Condition[]): readonly Condition[] {
  const all = conditions.map((condition) => canonicalCondition(place, condition));
  const sorted = all.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const twice = sorted.find((one, at) => one.name === sorted[at - 1]?.name);
  if (twice !== undefined) {
    throw refuse(
      place,
      `The ${NOUNS[place]} ${JSON.stringify(twice.name)} is asked for twice.`,
      "Say it once; a pattern may tell more values.",
    );
  }
  return sorted;
}

function canonicalCondition(place: ConditionPlace, { name, type, value }: Condition): Condition {
  const noun = NOUNS[place];
  const shown = JSON.stringify(name.slice(0, 40));
  if (name === "" || name.length > maxConditionName) {
    throw refuse(place, `${shown} is not the name of a ${noun}: it has 1 to ${maxConditionName} characters.`);
  }
  if (place !== "query" && !TOKEN.test(name)) throw refuse(place, `${shown} is not the name of a ${noun}.`);
  const canonical = { name: place === "headers" ? name.toLowerCase() : name, type };
  if (type === "present" || type === "absent") {
    if (value !== undefined) throw refuse(place, `The ${noun} ${shown} is to be ${type}: no value goes with that.`);
    return canonical;
  }
  if (value === undefined) throw refuse(place, `What value has the ${noun} ${shown}?`, "Or ask that it is present.");
  if (value.length > maxConditionValue)
    throw refuse(place, `The value of the ${noun} ${shown} has ${maxConditionValue} characters at most.`);
  if (type === "exact" && place !== "query" && /[^\x20-\x7e]|^ | $/.test(value)) {
    throw refuse(place, `The value of the ${noun} ${shown} has a character that none has, or a space at an end.`);
  }
  return { ...canonical, value };
}

function refuse(field: string, message: string, hint?: string): SkerryError {
  return new SkerryError("invalid", message, { ...(hint === undefined ? {} : { hint }), details: { field } });
}
