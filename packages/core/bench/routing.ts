/**
 * Lookups in the routing table, at 100, 10,000 and 100,000 routes: spread over hosts, under one host, with one path that
 * differ in a header, patterns; a look at each route beside it; and what the change of one route costs. `npm run bench:routing`
 * The last line is one line of JSON.
 */
import type { RouteMatch } from "../src/domain/route-match.ts";
import type { Asked } from "../src/gateway/routing/asked.ts";
import { compileTable, type RouteTable } from "../src/gateway/routing/route-table.ts";
import type { TableEntry } from "../src/gateway/table.ts";
import { finish, type Row, row, shuffled } from "./figures.ts";

const ROUNDS = 5;
const SIZES = [100, 10_000, 100_000] as const;
/** So many requests are asked for in turn. */
const REQUESTS = 1024;
const LOOKUPS = 200_000;
/** Lookups of the linear search take this long in all. */
const LINEAR_MS = 20;
const CHANGES = 200;
const upstream = { backends: [], reach: "any" } as const;
/** As a browser sends them. */
const BROWSER = [
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Language: en-US,en;q=0.5",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Cookie: _ga=GA1.1.123456789.1700000000; theme=dark; session=0123456789abcdef0123456789abcdef",
  "Upgrade-Insecure-Requests: 1",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
]
  .map((line) => `${line}\r\n`)
  .join("");

interface Work {
  readonly name: string;
  readonly entry: (at: number) => TableEntry;
  readonly asked: (at: number) => Asked;
  /** The most routes that make sense. */
  readonly most: number;
}

function entry(at: number, host: string, path: string, match?: RouteMatch): TableEntry {
  return { id: `r${at}`, name: `r${at}`, host, path, upstream, ...(match === undefined ? {} : { match }) };
}

function asked(host: string, target: string, lines = ""): Asked {
  return { host, target, method: "GET", lines: BROWSER + lines };
}

const WORKS: readonly Work[] = [
  {
    name: "hosts",
    entry: (at) => entry(at, `app-${at >> 1}.example.com`, at % 2 === 0 ? "/" : "/api"),
    asked: (at) => asked(`app-${at >> 1}.example.com`, `/api/v1/users/${at}`),
    most: Number.POSITIVE_INFINITY,
  },
  {
    name: "one-host",
    entry: (at) => entry(at, "app.example.com", `/team-${at % 100}/service-${at}`),
    asked: (at) => asked("app.example.com", `/team-${at % 100}/service-${at}/users?page=2`),
    most: Number.POSITIVE_INFINITY,
  },
  {
    name: "one-path-by-header",
    entry: (at) =>
      entry(at, "app.example.com", "/api", { headers: [{ name: "x-tenant", type: "exact", value: `t${at}` }] }),
    asked: (at) => asked("app.example.com", "/api/users?page=2", `X-Tenant: t${at}\r\n`),
    most: 10_000,
  },
  {
    name: "exact-and-patterns",
    entry: (at) =>
      entry(at, "app.example.com", at % 2 === 0 ? `/s${at}/x` : `^/s${at}/v\\d+/`, {
        path: at % 2 === 0 ? "exact" : "regex",
      }),
    asked: (at) => asked("app.example.com", at % 2 === 0 ? `/s${at}/x` : `/s${at}/v12/users`),
    most: Number.POSITIVE_INFINITY,
  },
];

/** Nanoseconds of one lookup. */
function measure(table: RouteTable, requests: readonly Asked[]): number {
  let found = 0;
  const start = performance.now();
  for (let n = 0; n < LOOKUPS; n++) if (table.find(requests[n & (REQUESTS - 1)] as Asked) !== undefined) found++;
  const elapsedMs = performance.now() - start;
  if (found !== LOOKUPS) throw new Error(`${LOOKUPS - found} lookups found nothing`);
  return (elapsedMs / LOOKUPS) * 1e6;
}

/** The same by a look at each route: host, path, one header. */
function measureLinear(entries: readonly TableEntry[], requests: readonly Asked[]): number {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < LINEAR_MS) {
    const { host, target, lines } = requests[count++ & (REQUESTS - 1)] as Asked;
    const path = target.split("?", 1)[0] as string;
    let best: TableEntry | undefined;
    for (const one of entries) {
      if (one.host !== host) continue;
      const isPath = one.match?.path === "regex" ? new RegExp(one.path).test(path) : path.startsWith(one.path);
      if (!isPath || !(one.match?.headers ?? []).every(({ value }) => lines.includes(`: ${value}\r\n`))) continue;
      if (best === undefined || one.path.length > best.path.length) best = one;
    }
    if (best === undefined) throw new Error(`nothing found for ${host}${path}`);
  }
  return ((performance.now() - start) / count) * 1e6;
}

/** Microseconds until a table with one route more answers. */
function measureChange(table: RouteTable, work: Work, size: number, request: Asked): number {
  let next = table;
  const start = performance.now();
  for (let n = 0; n < CHANGES; n++) {
    next = next.with([work.entry(size + n)], []);
    next.find(request);
  }
  return ((performance.now() - start) / CHANGES) * 1e3;
}

const rows: Row[] = [];
for (const work of WORKS) {
  for (const size of SIZES) {
    if (size > work.most) continue;
    const entries = Array.from({ length: size }, (_, at) => work.entry(at));
    const table = compileTable(entries);
    const requests = Array.from({ length: REQUESTS }, () => work.asked(Math.floor(Math.random() * size)));
    const lookups = new Map<string, number[]>([
      ["ours", []],
      ["linear", []],
    ]);
    const changes: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      for (const name of shuffled(["ours", "linear", "change"])) {
        const figure =
          name === "ours"
            ? measure(table, requests)
            : name === "linear"
              ? measureLinear(entries, requests)
              : measureChange(table, work, size, requests[0] as Asked);
        // The first round warms up.
        if (round > 0) (name === "change" ? changes : lookups.get(name))?.push(figure);
      }
    }
    rows.push(row(`${work.name}-${size}`, "ns", lookups, "low"));
    rows.push(row(`${work.name}-${size}-change`, "us", new Map([["ours", changes]]), "low"));
  }
}
finish("routing", rows);
