/** What `routing.ts` measures: tables of one shape, the requests that are for their routes, and a look at each route. */
import type { RouteMatch } from "../src/domain/route-match.ts";
import { type Asked, Facts } from "../src/gateway/routing/asked.ts";
import type { TableEntry } from "../src/gateway/table.ts";

export interface Work {
  readonly name: string;
  readonly entry: (at: number) => TableEntry;
  /** A request that the route `at` is for. */
  readonly sent: (at: number) => Sent;
}

export interface Sent {
  readonly host: string;
  readonly target: string;
  readonly method?: string;
  /** Header lines besides a browser's. */
  readonly lines?: string;
  readonly cookie?: string;
}

const upstream = { backends: [], reach: "any" } as const;
const HOST = "app.example.com";
/** As many as one project may have (`maxPatternRoutesPerProject`). */
const PATTERNS_OF_HOST = 64;
const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;

function entry(at: number, host: string, path: string, match?: RouteMatch): TableEntry {
  return { id: `r${at}`, name: `r${at}`, host, path, upstream, ...(match === undefined ? {} : { match }) };
}

function teamPath(at: number): string {
  return `/team-${at % 100}/service-${at}`;
}

function tenantOf(at: number): string {
  return `tenant-${at}`;
}

export const WORKS: readonly Work[] = [
  {
    name: "hosts",
    entry: (at) => entry(at, `app-${at >> 1}.example.com`, at % 2 === 0 ? "/" : "/api"),
    sent: (at) => ({ host: `app-${at >> 1}.example.com`, target: `/api/v1/users/${at}` }),
  },
  {
    name: "wildcards",
    entry: (at) => entry(at, `*.team-${at}.example.com`, "/"),
    sent: (at) => ({ host: `www.eu.team-${at}.example.com`, target: `/api/v1/users/${at}` }),
  },
  {
    name: "prefixes",
    entry: (at) => entry(at, HOST, teamPath(at)),
    sent: (at) => ({ host: HOST, target: `${teamPath(at)}/users?page=2` }),
  },
  {
    name: "exact-paths",
    entry: (at) => entry(at, HOST, `${teamPath(at)}/users`, { path: "exact" }),
    sent: (at) => ({ host: HOST, target: `${teamPath(at)}/users?page=2` }),
  },
  {
    name: "patterns-one-host",
    entry: (at) => entry(at, HOST, `^${teamPath(at)}/v\\d+/(users|orders)(/|$)`, { path: "regex" }),
    sent: (at) => ({ host: HOST, target: `${teamPath(at)}/v12/users/7?page=2` }),
  },
  {
    name: "patterns-64-a-host",
    entry: (at) =>
      entry(
        at,
        `app-${Math.floor(at / PATTERNS_OF_HOST)}.example.com`,
        `/[a-z]+-${at % PATTERNS_OF_HOST}\\.(html|json)$`,
        {
          path: "regex",
        },
      ),
    sent: (at) => ({
      host: `app-${Math.floor(at / PATTERNS_OF_HOST)}.example.com`,
      target: `/team/service/report-${at % PATTERNS_OF_HOST}.json?page=2`,
    }),
  },
  {
    name: "methods",
    entry: (at) => entry(at, HOST, teamPath(at >> 2), { methods: [METHODS[at & 3] as string] }),
    sent: (at) => ({ host: HOST, target: `${teamPath(at >> 2)}/users?page=2`, method: METHODS[at & 3] as string }),
  },
  {
    name: "by-header",
    entry: (at) => entry(at, HOST, "/api", { headers: [{ name: "x-tenant", type: "exact", value: tenantOf(at) }] }),
    sent: (at) => ({ host: HOST, target: "/api/users?page=2", lines: `X-Tenant: ${tenantOf(at)}\r\n` }),
  },
  {
    name: "by-query",
    entry: (at) => entry(at, HOST, "/api", { query: [{ name: "tenant", type: "exact", value: tenantOf(at) }] }),
    sent: (at) => ({ host: HOST, target: `/api/users?page=2&tenant=${tenantOf(at)}` }),
  },
  {
    name: "by-cookie",
    entry: (at) => entry(at, HOST, "/api", { cookies: [{ name: "tenant", type: "exact", value: tenantOf(at) }] }),
    sent: (at) => ({ host: HOST, target: "/api/users?page=2", cookie: `; tenant=${tenantOf(at)}` }),
  },
];

/** As a browser sends it. */
export function headOf({ host, target, method = "GET", lines = "", cookie = "" }: Sent): string {
  return (
    `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n` +
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
    "Accept-Language: en-US,en;q=0.5\r\n" +
    "Accept-Encoding: gzip, deflate, br, zstd\r\n" +
    `Cookie: _ga=GA1.1.123456789.1700000000; theme=dark; session=0123456789abcdef0123456789abcdef${cookie}\r\n` +
    "Upgrade-Insecure-Requests: 1\r\n" +
    "Sec-Fetch-Dest: document\r\n" +
    `Sec-Fetch-Mode: navigate\r\n${lines}\r\n`
  );
}

const facts = new Facts();
const patterns = new Map<string, RegExp>();

/** The same by a look at each route; of those that take the request the longest path. No two of these are alike. */
export function findLinear(entries: readonly TableEntry[], asked: Asked): TableEntry | undefined {
  const path = asked.target.split("?", 1)[0] as string;
  facts.begin(asked);
  let best: TableEntry | undefined;
  for (const one of entries) {
    if (one.host !== asked.host && !(one.host.startsWith("*.") && asked.host.endsWith(one.host.slice(1)))) continue;
    if (takes(one, path, asked.method) && (best === undefined || one.path.length > best.path.length)) best = one;
  }
  return best;
}

function takes({ path: own, match = {} }: TableEntry, path: string, method: string): boolean {
  if (match.path === "regex") return patternOf(own).test(path);
  if (match.path === "exact" ? path !== own : !(path === own || own === "/" || path.startsWith(`${own}/`)))
    return false;
  if (match.methods?.includes(method) === false) return false;
  for (const place of ["headers", "query", "cookies"] as const)
    for (const { name, value } of match[place] ?? []) if (facts.value(place, name) !== value) return false;
  return true;
}

function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (pattern === undefined) {
    pattern = new RegExp(source);
    patterns.set(source, pattern);
  }
  return pattern;
}
