/** What a request must have to take a route, as it is said on the command line. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Flags } from "../command.ts";

export type Match = NonNullable<RouteView["spec"]["match"]>;
type Condition = NonNullable<Match["headers"]>[number];

export const MATCH_OPTIONS = {
  "path-exact": { type: "string", describe: "Take this path alone, and nothing below it" },
  "path-regex": {
    type: "string",
    describe: "Take paths that match: ^/v\\d+/users (no look-around, no back-references)",
  },
  method: { type: "array", describe: "Take this method only (again for more)" },
  header: { type: "array", describe: "'NAME: VALUE', or NAME for any value, or '!NAME' for none (again for more)" },
  query: { type: "array", describe: "NAME=VALUE, or NAME, or '!NAME', of the query (again for more)" },
  cookie: { type: "array", describe: "NAME=VALUE, or NAME, or '!NAME' (again for more)" },
  "header-regex": { type: "array", describe: "'NAME: PATTERN' (again for more)" },
  "query-regex": { type: "array", describe: "NAME=PATTERN (again for more)" },
  "cookie-regex": { type: "array", describe: "NAME=PATTERN (again for more)" },
} as const;
type MatchFlags = Flags<typeof MATCH_OPTIONS>;

/** Path and match as they are said; what is not said is not there. @throws `invalid` */
export function readMatch(flags: MatchFlags): { readonly path?: string; readonly match?: Match } {
  const [exact, regex] = [flags["path-exact"], flags["path-regex"]];
  if (exact !== undefined && regex !== undefined) {
    throw new SkerryError("invalid", "--path-exact and --path-regex exclude each other.", { hint: "Say one of them." });
  }
  const path = exact ?? regex;
  const all = {
    headers: [...read("header", ":", flags.header), ...read("header", ":", flags["header-regex"], true)],
    query: [...read("query", "=", flags.query), ...read("query", "=", flags["query-regex"], true)],
    cookies: [...read("cookie", "=", flags.cookie), ...read("cookie", "=", flags["cookie-regex"], true)],
  };
  const match: Match = {
    ...(path === undefined ? {} : { path: exact === undefined ? "regex" : "exact" }),
    ...(flags.method.length === 0 ? {} : { methods: flags.method.flatMap((methods) => methods.split(",")) }),
    ...Object.fromEntries(Object.entries(all).filter(([, { length }]) => length > 0)),
  };
  return { ...(path === undefined ? {} : { path }), ...(Object.keys(match).length === 0 ? {} : { match }) };
}

function read(flag: string, between: ":" | "=", texts: readonly string[], isPattern = false): Condition[] {
  return texts.map((text): Condition => {
    const at = text.indexOf(between);
    const name = (at < 0 ? text : text.slice(0, at)).trim();
    if (at >= 0) {
      const value = between === ":" ? text.slice(at + 1).trim() : text.slice(at + 1);
      return { name, type: isPattern ? "regex" : "exact", value };
    }
    if (isPattern) {
      throw new SkerryError("invalid", `--${flag}-regex ${JSON.stringify(text)} has no pattern.`, {
        hint: between === ":" ? `Like --${flag}-regex 'X-Version: ^v[23]$'` : `Like --${flag}-regex 'page=^[0-9]+$'`,
      });
    }
    return name.startsWith("!") ? { name: name.slice(1), type: "absent" } : { name, type: "present" };
  });
}
