/** An object service over a simulated disk and a memory index, which a test may crash and start again. */
import assert from "node:assert/strict";
import { SkerryError } from "../domain/errors.ts";
import type { ChunkRef, IndexOp, ObjectIndex } from "../domain/objects.ts";
import { openMemoryIndex } from "../storage/index/memory.ts";
import { createObjectService, type ObjectService } from "../storage/objects.ts";
import { openChunkServers } from "../storage/open-chunkservers.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createSimDisk, type SimDisk, type SimDiskOptions } from "./sim-disk.ts";
import { createSimRandom, type SimRandom } from "./sim-random.ts";
import { createCollectingLogger, createCollectingMetrics } from "./sim-telemetry.ts";

export const BUCKET = "bucket";
export const SMALL_CHUNK_BYTES = 256 * 1024;
/** In the format of a cluster uid. */
const CLUSTER = "abcdefghijklmnopqrstuvwxyz";

export interface SimStorage {
  readonly disk: SimDisk;
  readonly random: SimRandom;
  readonly index: ObjectIndex;
  readonly clock: FakeClock;
  readonly log: ReturnType<typeof createCollectingLogger>;
  readonly metrics: ReturnType<typeof createCollectingMetrics>;
  readonly directories: readonly string[];
  readonly objects: ObjectService;
  /** After a crash or a stop: the next life of the daemon. */
  start(): Promise<void>;
  /** The power goes. */
  crash(mode: "dropAll" | "someKept"): void;
  stop(): Promise<void>;
  /** Runs one job once. */
  run(job: string): Promise<void>;
  /** Runs repair, inventory and garbage until nothing is left to do. */
  settle(): Promise<void>;
  put(key: string, content: Uint8Array, pieceBytes?: number): Promise<void>;
  get(key: string): Promise<Buffer | undefined>;
  /** Files under these directories, `staging` or `chunks` ... of all chunkservers. */
  filesIn(part: string): string[];
}

export interface SimStorageOptions extends SimDiskOptions {
  readonly servers?: number;
  readonly chunkBytes?: number;
}

/** Started, with one bucket. */
export async function createSimStorage(options: SimStorageOptions = {}): Promise<SimStorage> {
  const storage = new SimulatedStorage(options);
  await storage.index.batch([{ op: "create-bucket", bucket: BUCKET }]);
  await storage.start();
  return storage;
}

class SimulatedStorage implements SimStorage {
  readonly disk: SimDisk;
  readonly random: SimRandom;
  readonly index = openMemoryIndex();
  readonly clock = createFakeClock();
  readonly log = createCollectingLogger();
  metrics = createCollectingMetrics();
  readonly directories: readonly string[];
  readonly #chunkBytes: number;
  #objects: ObjectService | undefined;
  #life = 0;

  constructor({ servers = 3, chunkBytes = SMALL_CHUNK_BYTES, ...disk }: SimStorageOptions) {
    this.disk = createSimDisk(disk);
    this.random = createSimRandom((disk.seed ?? 1) + 1_000_000);
    this.directories = Array.from({ length: servers }, (_, i) => `/data/s${i + 1}`);
    this.#chunkBytes = chunkBytes;
  }

  get objects(): ObjectService {
    if (this.#objects === undefined) throw new Error("the storage is not started");
    return this.#objects;
  }

  async start(): Promise<void> {
    this.disk.powerOn();
    this.#life += 1;
    this.metrics = createCollectingMetrics();
    const { disk, random, clock, log, metrics } = this;
    await disk.makeDirectory("/data");
    await disk.syncDirectory("/");
    const world = { disk, random, log, metrics, clock };
    const directories = this.directories.map((directory, i) => ({ name: `s${i + 1}`, directory }));
    const servers = await openChunkServers({ ...world, directories, cluster: CLUSTER, registryFile: "/data/servers" });
    const index = this.#indexOfThisLife();
    this.#objects = await createObjectService({ ...world, servers, index, chunkBytes: this.#chunkBytes });
  }

  crash(mode: "dropAll" | "someKept"): void {
    this.#life += 1;
    this.disk.crash(mode);
    this.#objects = undefined;
  }

  async stop(): Promise<void> {
    await this.#objects?.[Symbol.asyncDispose]();
    this.#objects = undefined;
  }

  async run(name: string): Promise<void> {
    const job = this.objects.jobs.find((one) => one.name === name);
    if (job === undefined) throw new Error(`no job ${name}`);
    await job.run({ signal: new AbortController().signal, progress: () => undefined });
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 5; round += 1) {
      await this.run("storage.inventory");
      await this.run("storage.repair");
      await this.run("storage.garbage");
      const { repairQueue, garbageChunks } = await this.objects.status();
      if (repairQueue === 0 && garbageChunks === 0 && round > 0) return;
    }
    throw new Error("storage does not settle");
  }

  async put(key: string, content: Uint8Array, pieceBytes = 64 * 1024): Promise<void> {
    await this.objects.put({
      ...{ bucket: BUCKET, key, body: pieces(content, pieceBytes), contentLength: content.byteLength },
      ...{ contentType: "application/octet-stream", metadata: {} },
    });
  }

  async get(key: string): Promise<Buffer | undefined> {
    const found = await this.objects.get({ bucket: BUCKET, key });
    return found && collect(found.body);
  }

  filesIn(part: string): string[] {
    return this.disk.files().filter((path) => path.split("/")[3] === part);
  }

  /** The index is durable by itself, but its answers take time, and a crash may come before or after its decision. */
  #indexOfThisLife(): ObjectIndex {
    const life = this.#life;
    const turn = async (): Promise<void> => {
      const turns = this.random.below(4);
      for (let i = 0; i < turns; i += 1) await new Promise((resolve) => setImmediate(resolve));
      if (life !== this.#life || this.disk.crashed) throw new SkerryError("unavailable/closed", "The power is off.");
    };
    const around = async <T>(call: () => Promise<T>): Promise<T> => {
      await turn();
      const result = await call();
      await turn();
      return result;
    };
    const { index } = this;
    return {
      batch: (ops: readonly IndexOp[]) => around(() => index.batch(ops)),
      get: (...args) => around(() => index.get(...args)),
      list: (...args) => around(() => index.list(...args)),
      totals: (...args) => around(() => index.totals(...args)),
      changes: (...args) => around(() => index.changes(...args)),
      // Asked 256 times by each inventory: prompt, so that simulations are not slow.
      chunks: (...args) => index.chunks(...args),
      chunk: (...args) => around(() => index.chunk(...args)),
      objectOf: (...args) => around(() => index.objectOf(...args)),
      garbage: (...args) => around(() => index.garbage(...args)),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

/** As deepEqual, but says only where they differ: a diff of large random buffers takes minutes. */
export function assertSameBytes(actual: Uint8Array | undefined, expected: Uint8Array, what = "content"): void {
  if (actual !== undefined && Buffer.compare(actual, expected) === 0) return;
  const at = actual === undefined ? -1 : expected.findIndex((byte, index) => actual[index] !== byte);
  assert.fail(`${what}: ${actual?.byteLength ?? "no"} of ${expected.byteLength} bytes, first difference at ${at}`);
}

export async function* pieces(content: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.byteLength; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

export async function chunksOf(storage: SimStorage, key: string): Promise<readonly ChunkRef[]> {
  return (await storage.index.get(BUCKET, key))?.chunks ?? [];
}

export function replicaPath(directory: string, { id, generation }: ChunkRef): string {
  return `${directory}/chunks/${id.slice(0, 2)}/${id}.${generation}`;
}

/** Paths of the replicas of the first chunk of `key`, in the order of the chunkservers. */
export async function replicasOf(storage: SimStorage, key: string): Promise<string[]> {
  const [chunk] = await chunksOf(storage, key);
  assert.ok(chunk);
  return storage.directories.map((directory) => replicaPath(directory, chunk));
}

export function errorLines(storage: SimStorage) {
  return storage.log.lines.filter((line) => line.level === "error");
}

/** Durably, as a person or a dying disk would. */
export async function replaceFile({ disk }: SimStorage, path: string, content: Uint8Array): Promise<void> {
  disk.vanish(path);
  await using file = await disk.open(path, { write: true, create: "exclusive" });
  if (content.byteLength > 0) await file.write(content, 0);
  await file.syncData();
}
