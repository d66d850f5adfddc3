/**
 * The object service beside the plain disk: a large object in and out, many small ones. Rounds are interleaved and shuffled,
 * the baselines write as durably as we do. `node --conditions=source packages/core/bench/storage.ts [--rounds N] [--dir DIR]`.
 * The last line is JSON.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { realClock } from "../src/platform/clock.ts";
import { createDigestThread } from "../src/platform/digests.ts";
import { realDisk } from "../src/platform/disk.ts";
import { realRandom } from "../src/platform/random.ts";
import { pageAlignedBytes } from "../src/storage/buffer-pool.ts";
import { openSqliteIndex } from "../src/storage/index/sqlite/open.ts";
import { createObjectService, type ObjectService } from "../src/storage/objects.ts";
import { openChunkServers } from "../src/storage/open-chunkservers.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, dir: { type: "string" } } });
const ROUNDS = Number(values.rounds);
const MIB = 1024 * 1024;
const LARGE_BYTES = 256 * MIB;
const SMALL_BYTES = 16 * 1024;
const SMALL_COUNT = 600;
const CLIENTS = 16;
const COPIES = 3;
const BUCKET = "bench";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error };
const uncounted = {
  counter: () => () => undefined,
  gauge: () => undefined,
  family: () => undefined,
  distributions: () => undefined,
  histogram: () => () => undefined,
};
const block = pageAlignedBytes(MIB);
block.set(randomBytes(MIB));

interface Work {
  readonly work: string;
  readonly unit: "MB/s" | "1/s";
  /** What one run does, in the unit times seconds. */
  readonly amount: number;
  /** `ours` and the peers, each with what it must do before (not timed). */
  readonly contestants: Readonly<Record<string, () => Promise<void>>>;
}

async function* largeBody(): AsyncGenerator<Uint8Array> {
  // As it comes from a socket.
  for (let at = 0; at < LARGE_BYTES; at += 65_536) yield block.subarray(at % MIB, (at % MIB) + 65_536);
}

async function* smallBody(): AsyncGenerator<Uint8Array> {
  yield block.subarray(0, SMALL_BYTES);
}

async function inParallel(count: number, clients: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await one(next - 1);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

function put(objects: ObjectService, key: string, body: AsyncIterable<Uint8Array>, contentLength: number) {
  return objects.put({ bucket: BUCKET, key, body, contentLength, contentType: "a/b", metadata: {} });
}

async function drain(objects: ObjectService, key: string): Promise<void> {
  const found = await objects.get({ bucket: BUCKET, key });
  let sizeBytes = 0;
  for await (const piece of found?.body ?? []) sizeBytes += piece.byteLength;
  if (sizeBytes !== found?.sizeBytes) throw new Error(`${key}: ${sizeBytes} bytes`);
}

/** One durable file, written past the page cache. */
async function rawWrite(path: string, sizeBytes: number): Promise<void> {
  await using file = await realDisk.open(path, { write: true, create: "if-missing", direct: true });
  const piece = block.subarray(0, Math.min(MIB, sizeBytes));
  for (let at = 0; at < sizeBytes; at += MIB) await file.write(piece, at);
  await file.syncData();
}

async function rawRead(path: string): Promise<void> {
  await using file = await realDisk.open(path, { direct: true });
  const buffer = pageAlignedBytes(MIB);
  for (let at = 0; at < LARGE_BYTES; at += MIB) await file.read(buffer, at);
}

function shell(command: string): void {
  if (spawnSync("sh", ["-c", command]).status !== 0) throw new Error(command);
}

function largeWorks(objects: ObjectService, raw: string): Work[] {
  const source = join(raw, "source");
  let round = 0;
  // New files each time, as ours are: writing over old ones allocates nothing and is much faster.
  const copies = (kind: string): string[] => {
    round += 1;
    return Array.from({ length: COPIES }, (_, i) => join(raw, `${kind}-${round}-${i}`));
  };
  return [
    {
      work: "put 256 MiB, 3 replicas",
      unit: "MB/s",
      amount: LARGE_BYTES / 1e6,
      contestants: {
        ours: () => put(objects, "large", largeBody(), LARGE_BYTES).then(() => undefined),
        "3 raw O_DIRECT files": async () => {
          await Promise.all(copies("raw").map((path) => rawWrite(path, LARGE_BYTES)));
        },
        "3 cp + fsync": async () => {
          const one = (path: string): string => `{ cp ${source} ${path} && sync -d ${path}; } &`;
          shell(`${copies("cp").map(one).join(" ")} wait`);
        },
      },
    },
    {
      work: "get 256 MiB, verified",
      unit: "MB/s",
      amount: LARGE_BYTES / 1e6,
      contestants: {
        ours: () => drain(objects, "large"),
        "raw O_DIRECT read": () => rawRead(source),
      },
    },
  ];
}

function smallWorks(objects: ObjectService, raw: string): Work[] {
  let round = 0;
  const directories = Array.from({ length: COPIES }, (_, i) => join(raw, `small${i}`));
  return [
    {
      work: "put 16 KiB, 16 clients",
      unit: "1/s",
      amount: SMALL_COUNT,
      contestants: {
        ours: () =>
          inParallel(SMALL_COUNT, CLIENTS, (i) =>
            put(objects, `small/${i}`, smallBody(), SMALL_BYTES).then(() => undefined),
          ),
        "3 raw files each": async () => {
          round += 1;
          const one = async (directory: string, i: number): Promise<void> => {
            await rawWrite(join(directory, `${round}-${i}`), SMALL_BYTES);
            await realDisk.syncDirectory(directory);
          };
          await inParallel(SMALL_COUNT, CLIENTS, async (i) => {
            await Promise.all(directories.map((directory) => one(directory, i)));
          });
        },
      },
    },
    {
      work: "get 16 KiB, 16 clients",
      unit: "1/s",
      amount: SMALL_COUNT,
      contestants: {
        ours: () => inParallel(SMALL_COUNT, CLIENTS, (i) => drain(objects, `small/${i}`)),
        "plain readFile": async () => {
          const names = await readdir(directories[0] ?? "");
          await inParallel(SMALL_COUNT, CLIENTS, async (i) => {
            await readFile(join(directories[0] ?? "", names[i % names.length] ?? ""));
          });
        },
      },
    },
  ];
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, draw: Math.random() }))
    .sort((a, b) => a.draw - b.draw)
    .map(({ item }) => item);
}

const round3 = (value: number): number => Number(value.toPrecision(3));

async function measure(works: readonly Work[]): Promise<object[]> {
  const seconds = new Map<string, number[]>();
  for (let at = 0; at <= ROUNDS; at += 1) {
    for (const { work, contestants } of works) {
      for (const [name, run] of shuffled(Object.entries(contestants))) {
        const startedMs = performance.now();
        await run();
        // The first round makes the files and warms up.
        if (at > 0) {
          const key = `${work}/${name}`;
          seconds.set(key, [...(seconds.get(key) ?? []), (performance.now() - startedMs) / 1000]);
        }
      }
    }
  }
  return works.map(({ work, unit, amount, contestants }) => {
    const ofOne = (name: string): number[] => seconds.get(`${work}/${name}`) ?? [];
    const rate = (name: string): number => round3(amount / median(ofOne(name)));
    const own = ofOne("ours");
    const spread = round3((Math.max(...own) - Math.min(...own)) / median(own));
    const names = Object.keys(contestants).filter((name) => name !== "ours");
    const peers = Object.fromEntries(names.map((name) => [name, rate(name)]));
    const ratio = Object.fromEntries(names.map((name) => [name, round3(rate("ours") / rate(name))]));
    console.log(`${work.padEnd(26)} ours ${rate("ours")} ${unit} (spread ${spread})`);
    for (const name of names) console.log(`${" ".repeat(26)} ${name} ${peers[name]} ${unit}: ${ratio[name]} x`);
    return { work, unit, ours: rate("ours"), peers, ratio, spread };
  });
}

async function main(directory: string): Promise<void> {
  const world = { clock: realClock, disk: realDisk, random: realRandom, log: silent, metrics: uncounted };
  await using index = await openSqliteIndex({ directory: join(directory, "index"), cluster: BUCKET });
  await index.batch([{ op: "create-bucket", bucket: BUCKET }]);
  const directories = ["s1", "s2", "s3"].map((name) => ({ name, directory: join(directory, name) }));
  const registryFile = join(directory, "registry");
  const servers = await openChunkServers({ ...world, directories, cluster: BUCKET, registryFile });
  await using digests = createDigestThread();
  await using objects = await createObjectService({ ...world, index, servers, digests });
  const raw = join(directory, "raw");
  for (let i = 0; i < COPIES; i += 1) await mkdir(join(raw, `small${i}`), { recursive: true });
  await rawWrite(join(raw, "source"), LARGE_BYTES);
  const rows = await measure([...largeWorks(objects, raw), ...smallWorks(objects, raw)]);
  console.log(JSON.stringify({ bench: "storage", rounds: ROUNDS, rows }));
}

const directory = mkdtempSync(join(values.dir ?? tmpdir(), "skerry-bench-storage-"));
try {
  await main(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
