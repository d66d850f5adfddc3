/** Random puts, overwrites, deletes, faults and crashes over the simulated disk. A failed seed is replayed with SKERRY_SIM_SEED. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { BUCKET, createSimStorage, type SimStorage } from "../testing/sim-storage.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const SEEDS = FULL ? 2000 : 50;
/** Seeds under one test, so that a long run shows how far it is. */
const SEEDS_AT_ONCE = 100;
const KEYS = ["a", "b", "c", "d"];
const LIVES = 3;
const OPERATIONS = 6;

import { BlockChecksums, DATA_OFFSET, PAGE_BYTES } from "./chunk-format.ts";

type Content = string | undefined;

/** What each key may be: one state when it is known, several after an operation without an answer. */
class Model {
  readonly #states = new Map<string, readonly Content[]>(KEYS.map((key) => [key, [undefined]]));

  answered(key: string, state: Content): void {
    this.#states.set(key, [state]);
  }

  unanswered(key: string, state: Content): void {
    this.#states.set(key, [...(this.#states.get(key) ?? []), state]);
  }

  async check(storage: SimStorage): Promise<void> {
    for (const [key, states] of this.#states) {
      const content = await storage.get(key);
      const found = content && hash(content);
      assert.ok(states.includes(found), `${key} is ${found}, it may be ${states.join(" or ")}`);
      this.#states.set(key, [found]);
    }
  }
}

function hash(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** One client: works on its own key, so that the order of its operations is known. */
async function client(storage: SimStorage, model: Model, key: string): Promise<void> {
  const { random, disk } = storage;
  for (let i = 0; i < OPERATIONS && !disk.crashed; i += 1) {
    const remove = random.chance(0.25);
    const content = random.bytes(random.chance(0.3) ? random.below(600_000) : random.below(20_000));
    const next = remove ? undefined : hash(content);
    try {
      if (remove) await storage.objects.delete({ bucket: BUCKET, key });
      else await storage.put(key, content, 1 + random.below(100_000));
      model.answered(key, next);
    } catch (error) {
      // Without a crash a failure means that it was not stored.
      if (disk.crashed) model.unanswered(key, next);
      else assert.match(String(error), /copies could be written/);
    }
  }
}

async function background(storage: SimStorage): Promise<void> {
  const jobs = ["storage.repair", "storage.garbage", "storage.inventory"];
  for (let i = 0; i < 4 && !storage.disk.crashed; i += 1) {
    await storage.run(storage.random.pick(jobs)).catch(() => undefined);
  }
}

async function oneRun(seed: number): Promise<void> {
  const storage = await createSimStorage({ seed, capacityBytes: 2 ** 40 });
  const { random, disk } = storage;
  const model = new Model();
  // One chunkserver may misbehave; two of three must be enough.
  const weak = random.chance(0.6) ? `/data/s${1 + random.below(3)}/` : undefined;
  for (let life = 0; life < LIVES; life += 1) {
    if (life > 0) await storage.start();
    assert.deepEqual(storage.filesIn("staging"), [], "staging is clean after the start");
    if (weak !== undefined && life > 0) flipSomewhere(storage, weak);
    await model.check(storage);
    disk.inject((operation, path) => {
      const faulty = weak !== undefined && path.startsWith(weak) && operation !== "stat";
      return faulty && random.chance(0.02) ? random.pick(["EIO", "ENOSPC"]) : undefined;
    });
    disk.crashAfter(50 + random.below(700));
    await Promise.all([...KEYS.map((key) => client(storage, model, key)), background(storage)]);
    disk.inject(undefined);
    storage.crash(random.pick(["dropAll", "someKept"]));
  }
  await storage.start();
  await model.check(storage);
  await storage.settle();
  await model.check(storage);
  await storage.settle();
  await assertConverged(storage, weak);
  assert.equal(disk.openFiles, 0);
}

function flipSomewhere(storage: SimStorage, directory: string): void {
  const files = storage.filesIn("chunks").filter((path) => path.startsWith(directory));
  if (files.length === 0) return;
  const path = storage.random.pick(files);
  const { byteLength } = storage.disk.content(path);
  if (byteLength > 0) storage.disk.flipBit(path, storage.random.below(byteLength));
}

/** Every chunk that an object has lies whole on three chunkservers, and nothing else lies there. */
async function assertConverged(storage: SimStorage, weak: string | undefined): Promise<void> {
  const chunks = await storage.index.chunks("", 1000);
  assert.ok(chunks.every((chunk) => chunk.referenced));
  for (const chunk of chunks) assert.deepEqual([...chunk.replicas].sort(), ["s1", "s2", "s3"]);
  const expected = chunks.flatMap(({ id, generation }) =>
    storage.directories.map((directory) => `${directory}/chunks/${id.slice(0, 2)}/${id}.${generation}`),
  );
  assert.deepEqual(storage.filesIn("chunks"), expected.sort());
  // A bit that was flipped and that nobody has read since is not known yet.
  for (const path of storage.filesIn("chunks")) {
    if (weak === undefined || !path.startsWith(weak)) assertWhole(storage.disk.content(path));
  }
  assert.deepEqual(storage.filesIn("staging"), []);
  const status = await storage.objects.status();
  assert.equal(status.unknownFiles, 0);
  assert.equal(status.state, "ok");
}

/** Checks a replica's file on its own, by the description of the format. */
function assertWhole(file: Buffer): void {
  const blocks = new BlockChecksums({ id: file.toString("hex", 48, 64), generation: Number(file.readBigUInt64LE(64)) });
  const sizeBytes = Number(file.readBigUInt64LE(72));
  for (let at = 0, index = 0; at < sizeBytes; at += 65_536, index += 1) {
    const block = file.subarray(DATA_OFFSET + at, DATA_OFFSET + Math.min(at + 65_536, sizeBytes));
    assert.equal(file.readUInt32LE(PAGE_BYTES + index * 4), blocks.of(block, index), "a replica is damaged");
  }
}

const chosen = process.env["SKERRY_SIM_SEED"];
const seeds = chosen === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(chosen)];

const title = "acknowledged objects survive crashes, others are wholly old or new, replicas converge";

for (let first = 0; first < seeds.length; first += SEEDS_AT_ONCE) {
  const batch = seeds.slice(first, first + SEEDS_AT_ONCE);
  test(`${title} (seeds ${batch[0]} to ${batch.at(-1)})`, async () => {
    for (const seed of batch) {
      try {
        await oneRun(seed);
      } catch (error) {
        throw new Error(`seed ${seed} (SKERRY_SIM_SEED=${seed} replays it): ${String(error)}`, { cause: error });
      }
    }
  });
}
