/**
 * Lookups in the routing table, at 100, 10,000 and 100,000 routes of each shape, beside a look at each route; what the table takes
 * in time and memory, and what the change of one route costs. `npm run bench:routing [SHAPE...]` The last line is one line of JSON.
 *
 * `fresh`: each request is for another route, and its head was just read from bytes, as the gateway has it. `warm`: a thousand
 * requests in turn, so that all that they touch stays in the processor's cache.
 */
import { parseRequestHead, type RequestHead } from "../src/gateway/http1/request-head.ts";
import { compileTable, type RouteTable } from "../src/gateway/routing/route-table.ts";
import type { TableEntry } from "../src/gateway/table.ts";
import { finish, median, type Row, rowOf, shuffled } from "./figures.ts";
import { findLinear, headOf, WORKS, type Work } from "./routing-works.ts";

const ROUNDS = 5;
const SIZES = [100, 10_000, 100_000] as const;
const WARM_REQUESTS = 1024;
const WARM_TURNS = 100;
/** Heads that are read before their routes are looked up: little enough for the cache, enough for the clock. */
const BATCH = 128;
const BATCHES = 150;
/** Lookups of the linear search take this long in all. */
const LINEAR_MS = 20;
const CHANGES = 100;
const HEAD_LIMITS = { maxHeadBytes: 16_384, maxTargetBytes: 8192, maxHeaders: 100 };
const COLUMNS = ["shape", "routes", "fresh ns", "warm ns", "linear ns", "change us", "build ms", "heap MiB"] as const;

/** What the gateway has of a request: strings out of bytes that have just come. */
function receive(work: Work, at: number): RequestHead {
  const bytes = Buffer.from(headOf(work.sent(at)), "latin1");
  const head = parseRequestHead({ bytes, from: 0, text: bytes.toString("latin1") }, HEAD_LIMITS);
  if (!("target" in head)) throw new Error(`refused: ${JSON.stringify(head)}`);
  return head;
}

/** Requests for as many routes as there are, each in the table's last place as often as in its first. */
function batchOf(work: Work, size: number, count: number): RequestHead[] {
  return Array.from({ length: count }, () => receive(work, Math.floor(Math.random() * size)));
}

/** Nanoseconds of one lookup, here and below. Of many short measurements the median: other programs interrupt few of them. */
function timed(table: RouteTable, requests: readonly RequestHead[]): number {
  let found = 0;
  const start = performance.now();
  for (const request of requests) if (table.find(request) !== undefined) found++;
  const elapsedMs = performance.now() - start;
  if (found !== requests.length) throw new Error(`${requests.length - found} lookups found nothing`);
  return (elapsedMs / found) * 1e6;
}

function measureFresh(table: RouteTable, work: Work, size: number): number {
  const figures = Array.from({ length: BATCHES }, () => timed(table, batchOf(work, size, BATCH)));
  return median(figures);
}

function measureWarm(table: RouteTable, requests: readonly RequestHead[]): number {
  return median(Array.from({ length: WARM_TURNS }, () => timed(table, requests)));
}

/** It must find what the table finds. */
function measureLinear(table: RouteTable, entries: readonly TableEntry[], requests: readonly RequestHead[]): number {
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < LINEAR_MS; count++) {
    const request = requests[count % requests.length] as RequestHead;
    if (findLinear(entries, request) !== table.find(request)) throw new Error(`another route for ${request.target}`);
  }
  return ((performance.now() - start) / count) * 1e6;
}

/** Microseconds until a table with one route more answers. */
function measureChange(table: RouteTable, work: Work, size: number): number {
  const request = receive(work, 0);
  let next = table;
  const start = performance.now();
  for (let n = 0; n < CHANGES; n++) {
    next = next.with([work.entry(size + n)], []);
    next.find(request);
  }
  return ((performance.now() - start) / CHANGES) * 1e3;
}

function heapBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function measure(work: Work, size: number): Row[] {
  // As they come through the control pipe.
  const text = JSON.stringify(Array.from({ length: size }, (_, at) => work.entry(at)));
  const entries = JSON.parse(text) as TableEntry[];
  const before = heapBytes();
  const start = performance.now();
  const table = compileTable(entries);
  const buildMs = performance.now() - start;
  // What is made when it is first asked for belongs to it.
  for (let at = 0; at < size; at++) table.find(receive(work, at));
  const bytes = heapBytes() - before;
  const requests = batchOf(work, size, WARM_REQUESTS);
  const figures = { fresh: [], warm: [], linear: [], change: [] } as Record<string, number[]>;
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of shuffled(Object.keys(figures))) {
      const figure =
        name === "fresh"
          ? measureFresh(table, work, size)
          : name === "warm"
            ? measureWarm(table, requests)
            : name === "linear"
              ? measureLinear(table, entries, requests)
              : measureChange(table, work, size);
      // The first round warms up.
      if (round > 0) figures[name]?.push(figure);
    }
  }
  const { fresh = [], warm = [], linear = [], change = [] } = figures;
  const name = `${work.name}-${size}`;
  const rows = [
    rowOf(
      name,
      "ns",
      new Map([
        ["ours", fresh],
        ["linear", linear],
      ]),
      "low",
    ),
    rowOf(
      `${name}-warm`,
      "ns",
      new Map([
        ["ours", warm],
        ["linear", linear],
      ]),
      "low",
    ),
    rowOf(`${name}-change`, "us", new Map([["ours", change]]), "low"),
    rowOf(`${name}-build`, "ms", new Map([["ours", [buildMs]]]), "low"),
    rowOf(`${name}-heap`, "bytes", new Map([["ours", [bytes]]]), "low"),
  ] as const;
  const spread = (at: number) => `${rows[at]?.ours} ±${Math.round((rows[at]?.spread ?? 0) * 100)}%`;
  const cells = [
    spread(0),
    spread(1),
    rows[0].peers["linear"],
    spread(2),
    buildMs.toFixed(0),
    (bytes / 2 ** 20).toFixed(1),
  ];
  print([work.name, size, ...cells]);
  return [...rows];
}

function print(cells: readonly unknown[]): void {
  console.log(cells.map((cell, at) => (at === 0 ? String(cell).padEnd(18) : String(cell).padStart(12))).join(" "));
}

const wanted = process.argv.slice(2);
const works = WORKS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
print(COLUMNS);
finish(
  "routing",
  works.flatMap((work) => SIZES.flatMap((size) => measure(work, size))),
);
