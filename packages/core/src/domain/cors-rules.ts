/** Which pages of other origins may read the answers of a route (CORS). Plain rules; `gateway/actions/cors.ts` carries them out. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

export interface Cors {
  /** `https://app.example.com`, `https://*.example.com` for all names below it, or `*` for every page. */
  readonly origins: readonly string[];
  /** Absent: GET, HEAD and POST. `*`: any. */
  readonly methods?: readonly string[];
  /** Of requests, besides those that every page may send. `*`: any but Authorization. */
  readonly headers?: readonly string[];
  /** Of answers, besides those that every page may read. */
  readonly expose?: readonly string[];
  /** Requests may come with cookies and other credentials. */
  readonly credentials?: boolean;
  /** Seconds that a browser need not ask again. */
  readonly maxAge?: number;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;

function refuse(field: string, message: string, hint: string): SkerryError {
  return new SkerryError("invalid", message, { hint, details: { field: `cors.${field}` } });
}

/** In one spelling. @throws `invalid`. */
export function canonicalCors({ origins, methods, headers, expose, credentials, maxAge }: Cors): Cors {
  const { maxCorsNames, maxCorsAge } = LIMITS.actions;
  if (origins.length === 0 || origins.length > maxCorsNames) {
    throw refuse("origins", `There are 1 to ${maxCorsNames} origins, not ${origins.length}.`, ORIGINS);
  }
  const canonical = [...new Set(origins.map(canonicalOrigin))];
  if (canonical.length > 1 && canonical.includes("*")) {
    throw refuse("origins", "* is every origin: another one beside it says nothing.", "Say * alone, or leave it out.");
  }
  const lists = { methods, headers, expose };
  for (const [field, names] of Object.entries(lists)) {
    if (names === undefined) continue;
    const bad = names.find((name) => !TOKEN.test(name));
    if (bad !== undefined) throw refuse(field, `${JSON.stringify(bad)} is no name.`, "Letters, digits and -.");
    if (names.length > maxCorsNames) throw refuse(field, `There are ${maxCorsNames} of them at most.`, "Say *.");
  }
  const any = Object.entries({ origins: canonical, ...lists }).find(([, names]) => names?.includes("*"))?.[0];
  if (credentials === true && any !== undefined) {
    // Fetch 3.3.5: there it means a name of one star, and every page could act as who reads it.
    throw refuse(any, `With credentials there is no * in ${any}: every page could act as its reader.`, "Name them.");
  }
  if (maxAge !== undefined && !(Number.isInteger(maxAge) && maxAge >= 0 && maxAge <= maxCorsAge)) {
    throw refuse("maxAge", `A browser remembers for 0 to ${maxCorsAge} seconds.`, "Like 600.");
  }
  return {
    origins: canonical,
    ...(methods === undefined ? {} : { methods: methods.map((method) => method.toUpperCase()) }),
    ...(headers === undefined ? {} : { headers }),
    ...(expose === undefined ? {} : { expose }),
    ...(credentials === true ? { credentials } : {}),
    ...(maxAge === undefined ? {} : { maxAge }),
  };
}

const ORIGINS = "Like https://app.example.com, https://*.example.com or *.";

/** As browsers send it: in ASCII, without the port that the scheme has anyway, without a slash. */
function canonicalOrigin(text: string): string {
  if (text === "*") return text;
  const [, scheme = "", star = "", rest = ""] = /^(https?:\/\/)(\*\.)?([^/?#@*\s\\]+)$/i.exec(text) ?? [];
  if (rest === "" || !URL.canParse(scheme + rest)) {
    throw refuse("origins", `${JSON.stringify(text)} is no origin.`, ORIGINS);
  }
  const { protocol, host } = new URL(scheme + rest);
  return `${protocol}//${star}${host}`;
}
