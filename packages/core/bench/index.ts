/**
 * The object index with many objects: load, pages, gets, durable puts, restart, memory; plain node:sqlite on the main
 * thread beside it. `node --conditions=source packages/core/bench/index.ts [--objects N] [--dir DIR]`. The last line is JSON.
 */
import { execFileSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import type { IndexOp, ObjectIndex, ObjectRecord } from "../src/domain/objects.ts";
import { openSqliteIndex } from "../src/storage/index/sqlite/open.ts";

const { values } = parseArgs({
  options: {
    objects: { type: "string", default: "1000000" },
    dir: { type: "string" },
    /** Used by the bench itself: serve the index in this directory and print the memory that it took. */
    memory: { type: "string" },
  },
});
const OBJECTS = Number(values.objects);
const ROUNDS = 3;
const BUCKET = "bench";
const FOLDERS = 1000;

interface Work {
  readonly work: string;
  readonly unit: "1/s" | "ms" | "MB";
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
  readonly ratio: Readonly<Record<string, number>>;
  readonly spread: number;
  readonly bar?: string;
}

const rows: Work[] = [];

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function report(
  work: string,
  unit: Work["unit"],
  ours: readonly number[],
  peer?: readonly number[],
  bar?: string,
): void {
  const mine = median(ours);
  const spread = mine === 0 ? 0 : (Math.max(...ours) - Math.min(...ours)) / mine;
  const other = peer === undefined ? undefined : median(peer);
  const ratio = other === undefined ? undefined : unit === "1/s" ? mine / other : other / mine;
  rows.push({
    work,
    unit,
    ours: round(mine),
    peers: other === undefined ? {} : { "node:sqlite": round(other) },
    ratio: ratio === undefined ? {} : { "node:sqlite": round(ratio) },
    spread: round(spread),
    ...(bar === undefined ? {} : { bar }),
  });
  console.log(
    `${work.padEnd(28)} ${String(round(mine)).padStart(10)} ${unit.padEnd(4)}` +
      `${other === undefined ? "" : `  node:sqlite ${round(other)} (x${round(ratio ?? 0)})`}${bar === undefined ? "" : `  bar ${bar}`}`,
  );
}

/** Folders of a thousand objects: `f0042/object-0000000042017`. */
function keyOf(number: number): string {
  const folder = Math.floor((number * FOLDERS) / OBJECTS);
  return `f${String(folder).padStart(4, "0")}/object-${String(number).padStart(13, "0")}`;
}

function record(key: string): ObjectRecord {
  const sizeBytes = randomInt(1, 1 << 20);
  return {
    bucket: BUCKET,
    key,
    version: randomBytes(13).toString("hex"),
    sizeBytes,
    etag: randomBytes(16).toString("hex"),
    contentType: "application/octet-stream",
    modifiedAt: new Date().toISOString(),
    metadata: {},
    chunks: [
      {
        id: randomBytes(16).toString("hex"),
        generation: 1,
        sizeBytes,
        digest: randomBytes(4).toString("hex"),
        replicas: ["disk-a", "disk-b", "disk-c"],
      },
    ],
  };
}

const put = (key: string): IndexOp => ({ op: "put", record: record(key) });

/** The plain peer: one table, one statement, no chunks, no checksums, no thread. */
class Peer {
  readonly #db: DatabaseSync;
  readonly #insert;
  readonly #page;
  readonly #get;

  constructor(directory: string) {
    this.#db = new DatabaseSync(join(directory, "peer.sqlite"));
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768");
    this.#db.exec("CREATE TABLE objects (key TEXT PRIMARY KEY, record TEXT) WITHOUT ROWID");
    this.#insert = this.#db.prepare("REPLACE INTO objects VALUES (?, ?)");
    this.#page = this.#db.prepare("SELECT * FROM objects WHERE key > ? ORDER BY key LIMIT 1000");
    this.#get = this.#db.prepare("SELECT record FROM objects WHERE key = ?");
  }

  load(count: number): void {
    for (let at = 0; at < count; ) {
      this.#db.exec("BEGIN");
      for (const end = Math.min(count, at + 1000); at < end; at += 1) this.put(keyOf(at));
      this.#db.exec("COMMIT");
    }
  }

  put(key: string): void {
    this.#insert.run(key, JSON.stringify(record(key)));
  }

  page(after: string): number {
    return this.#page.all(after).map((row) => JSON.parse(row["record"] as string)).length;
  }

  get(key: string): unknown {
    return JSON.parse((this.#get.get(key) as { record: string }).record);
  }

  close(): void {
    this.#db.close();
  }
}

async function timeMs(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function times(count: number, work: (at: number) => unknown): Promise<number[]> {
  const all: number[] = [];
  for (let at = 0; at < count; at += 1) all.push(await timeMs(() => work(at)));
  return all;
}

/** Peak of this process's resident memory, threads included. */
function peakMemoryMb(): number {
  return Number(readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+) kB/)?.[1]) / 1024;
}

/** A process of its own that only serves the index: this one also holds the peer and what makes the load. */
function memory(directory: string): void {
  const args = [...process.execArgv, import.meta.filename, "--objects", String(OBJECTS), "--memory", directory];
  const [opened, peak] = execFileSync(process.execPath, args, { encoding: "utf8" }).split(" ");
  report("memory of a process, opened", "MB", [Number(opened)], undefined, "< 300");
  report("memory of a process, peak", "MB", [Number(peak)], undefined, "< 300");
}

async function serve(directory: string): Promise<void> {
  await using index = await open(directory);
  await index.list({ bucket: BUCKET });
  const opened = peakMemoryMb();
  const anywhere = (): string => keyOf(randomInt(OBJECTS));
  const readers = Array.from({ length: 16 }, () => times(500, () => index.get(BUCKET, anywhere())));
  const pages = Array.from({ length: 4 }, () => times(50, () => index.list({ bucket: BUCKET, after: anywhere() })));
  const writers = Array.from({ length: 64 }, () => times(100, () => index.batch([put(anywhere())])));
  await Promise.all([...readers, ...pages, ...writers]);
  console.log(`${opened} ${peakMemoryMb()}`);
}

const open = (directory: string): Promise<ObjectIndex> => openSqliteIndex({ directory, cluster: "bench" });

async function load(index: ObjectIndex): Promise<void> {
  await index.batch([{ op: "create-bucket", bucket: BUCKET }]);
  const batches = Math.ceil(OBJECTS / 1000);
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < batches) {
      const from = 1000 * next++;
      const keys = Array.from({ length: Math.min(1000, OBJECTS - from) }, (_, at) => keyOf(from + at));
      await index.batch(keys.map(put));
    }
  };
  const ms = await timeMs(() => Promise.all([client(), client()]));
  report("load, batches of 1000", "1/s", [(OBJECTS / ms) * 1000]);
}

async function reads(index: ObjectIndex, peer: Peer): Promise<void> {
  const anywhere = (): string => keyOf(randomInt(Math.max(1, OBJECTS - 1000)));
  const rounds = { p50: [] as number[], p99: [] as number[], get: [] as number[] };
  const folders = { p50: [] as number[], p99: [] as number[] };
  const plain = { p50: [] as number[], p99: [] as number[], get: [] as number[] };
  for (let at = 0; at < ROUNDS; at += 1) {
    const pages = await times(100, () => index.list({ bucket: BUCKET, after: anywhere() }));
    rounds.p50.push(percentile(pages, 0.5));
    rounds.p99.push(percentile(pages, 0.99));
    const peerPages = await times(100, () => peer.page(anywhere()));
    plain.p50.push(percentile(peerPages, 0.5));
    plain.p99.push(percentile(peerPages, 0.99));
    const prefixes = await times(100, () => index.list({ bucket: BUCKET, delimiter: "/" }));
    folders.p50.push(percentile(prefixes, 0.5));
    folders.p99.push(percentile(prefixes, 0.99));
    rounds.get.push(median(await times(2000, () => index.get(BUCKET, anywhere()))));
    plain.get.push(median(await times(2000, () => peer.get(anywhere()))));
  }
  report("page of 1000, p50", "ms", rounds.p50, plain.p50);
  report("page of 1000, p99", "ms", rounds.p99, plain.p99, "< 20");
  report("page of 1000 folders, p50", "ms", folders.p50);
  report("page of 1000 folders, p99", "ms", folders.p99, undefined, "< 20");
  report("get, p50", "ms", rounds.get, plain.get);
  const together = await timeMs(() =>
    Promise.all(Array.from({ length: 64 }, () => times(200, () => index.get(BUCKET, anywhere())))),
  );
  report("get, 64 clients", "1/s", [(64 * 200 * 1000) / together]);
}

async function putMany(index: ObjectIndex, clients: number, each: number): Promise<number> {
  const client = (): Promise<number[]> => times(each, () => index.batch([put(keyOf(randomInt(OBJECTS)))]));
  const ms = await timeMs(() => Promise.all(Array.from({ length: clients }, client)));
  return ((clients * each) / ms) * 1000;
}

/** In an order that changes with the round: a fixed one measures what came before. */
async function writes(index: ObjectIndex, peer: Peer): Promise<void> {
  const rates = { one: [] as number[], many: [] as number[], peer: [] as number[] };
  const works = [
    async () => rates.one.push(await putMany(index, 1, 1000)),
    async () => rates.many.push(await putMany(index, 64, 200)),
    async () =>
      rates.peer.push((1000 / (await timeMs(() => times(1000, () => peer.put(keyOf(randomInt(OBJECTS))))))) * 1000),
  ];
  for (let at = 0; at < ROUNDS; at += 1)
    for (let step = 0; step < works.length; step += 1) await works[(at + step) % works.length]?.();
  report("durable put, 1 client", "1/s", rates.one, rates.peer);
  report("durable put, 64 clients", "1/s", rates.many, rates.peer);
}

/** One object a batch, as uploads do: batches of a thousand would measure how long the main thread takes to make them. */
async function pagesBehindWrites(index: ObjectIndex): Promise<void> {
  const stop = { now: false };
  const write = async (): Promise<void> => {
    while (!stop.now) await index.batch([put(keyOf(randomInt(OBJECTS)))]);
  };
  const writers = Array.from({ length: 64 }, write);
  const pages = await times(100, () => index.list({ bucket: BUCKET, after: keyOf(randomInt(OBJECTS)) }));
  stop.now = true;
  await Promise.all(writers);
  report("page of 1000 behind writes p99", "ms", [percentile(pages, 0.99)]);
}

async function main(directory: string): Promise<void> {
  console.log(`${OBJECTS} objects in ${directory}`);
  let index = await open(directory);
  await load(index);
  const peer = new Peer(directory);
  peer.load(OBJECTS);
  await reads(index, peer);
  await pagesBehindWrites(index);
  await writes(index, peer);
  peer.close();
  const restarts: number[] = [];
  for (let at = 0; at < ROUNDS; at += 1) {
    await index[Symbol.asyncDispose]();
    restarts.push(
      await timeMs(async () => {
        index = await open(directory);
        await index.list({ bucket: BUCKET });
      }),
    );
  }
  report("restart to the first page", "ms", restarts, undefined, "< 3000");
  await index[Symbol.asyncDispose]();
  memory(directory);
  console.log(JSON.stringify({ bench: "index", objects: OBJECTS, rows }));
}

if (values.memory === undefined) {
  const directory = mkdtempSync(join(values.dir ?? tmpdir(), "skerry-bench-index-"));
  try {
    await main(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
} else {
  await serve(values.memory);
}
