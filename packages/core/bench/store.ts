/**
 * Durable puts of the store's drivers beside what the disk gives: a raw append and fdatasync for each write. All of them
 * take turns in a new order each round. The last line is one line of JSON. `npm run bench:store`
 */
import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Clock } from "../src/domain/ports.ts";
import type { Store } from "../src/domain/store.ts";
import { openNedbStore } from "../src/store/drivers/nedb/nedb.ts";
import { openSqliteStore } from "../src/store/drivers/sqlite/sqlite.ts";
import { finish, row, shuffled } from "./figures.ts";

const ROUNDS = 7;
const SLICE_MS = 450;
const REOPEN_TRANSACTIONS = 20_000;
const VALUE = { spec: { host: "app.example.org", upstreams: ["10.0.0.1:80", "10.0.0.2:80"] }, filler: "x".repeat(150) };

const clock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: () => new Promise(() => undefined),
};
const random = { bytes: (count: number) => randomBytes(count), fraction: Math.random };
const OPEN = { nedb: openNedbStore, sqlite: openSqliteStore } as const;
type DriverName = keyof typeof OPEN;

interface Figure {
  readonly name: string;
  /** Writes in about `SLICE_MS`. */
  readonly run: () => Promise<{ readonly count: number; readonly elapsedMs: number }>;
  readonly perSecond: number[];
}

async function putFor(store: Store, writers: number): Promise<{ count: number; elapsedMs: number }> {
  const startMs = performance.now();
  let count = 0;
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; performance.now() - startMs < SLICE_MS; i++) {
      await store.transact({ then: [{ op: "put", key: `/bench/${writer}/${i % 100}`, value: VALUE }] });
      count++;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return { count, elapsedMs: performance.now() - startMs };
}

function appendFor(file: number, line: string): { count: number; elapsedMs: number } {
  const startMs = performance.now();
  let count = 0;
  for (; performance.now() - startMs < SLICE_MS; count++) {
    writeSync(file, line);
    fdatasyncSync(file);
  }
  return { count, elapsedMs: performance.now() - startMs };
}

/** Milliseconds of each of three times. */
async function reopen(driver: DriverName, path: string): Promise<number[]> {
  const store = await OPEN[driver]({ path, clock, random });
  for (let done = 0; done < REOPEN_TRANSACTIONS - 1; done += 500) {
    await Promise.all(
      Array.from({ length: Math.min(500, REOPEN_TRANSACTIONS - 1 - done) }, (_, i) =>
        store.transact({ then: [{ op: "put", key: `/bench/${(done + i) % 5000}`, value: VALUE }] }),
      ),
    );
  }
  await store[Symbol.asyncDispose]();
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const startMs = performance.now();
    const again = await OPEN[driver]({ path, clock, random });
    times.push(performance.now() - startMs);
    if (again.revision !== REOPEN_TRANSACTIONS - 1) throw new Error(`reopened at revision ${again.revision}`);
    await again[Symbol.asyncDispose]();
  }
  return times;
}

/** On the disk of the checkout: /tmp is memory on many machines. */
const directory = await mkdtemp(join(resolve(import.meta.dirname, ".."), ".bench-store-"));
try {
  const file = openSync(join(directory, "raw"), "a", 0o600);
  const line = `${JSON.stringify({ rev: 1, ops: [{ put: "/bench/0/0", value: VALUE }] })}\n`;
  const stores = new Map<DriverName, Store>();
  for (const driver of ["nedb", "sqlite"] as const) {
    stores.set(driver, await OPEN[driver]({ path: join(directory, `${driver}.db`), clock, random }));
  }
  const figures: Figure[] = [{ name: "raw", run: async () => appendFor(file, line), perSecond: [] }];
  for (const [driver, store] of stores) {
    for (const writers of [1, 64]) {
      figures.push({ name: `${driver} ${writers}`, run: () => putFor(store, writers), perSecond: [] });
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const figure of shuffled(figures)) {
      const { count, elapsedMs } = await figure.run();
      // The first round warms up.
      if (round > 0) figure.perSecond.push((count / elapsedMs) * 1000);
    }
  }
  for (const store of stores.values()) await store[Symbol.asyncDispose]();
  closeSync(file);
  const raw = figures[0]?.perSecond ?? [];
  const rows = figures.slice(1).map(({ name, perSecond }) => {
    const [driver, writers] = name.split(" ");
    const both = new Map([
      ["ours", perSecond],
      ["write+fdatasync", raw],
    ]);
    return row(`${driver}-put-${writers}-writers`, "puts/s", both);
  });
  for (const driver of ["nedb", "sqlite"] as const) {
    const times = await reopen(driver, join(directory, `${driver}-reopen.db`));
    rows.push(row(`${driver}-reopen-20k`, "ms", new Map([["ours", times]]), "low"));
  }
  finish("store", rows);
} finally {
  await rm(directory, { recursive: true, force: true });
}
