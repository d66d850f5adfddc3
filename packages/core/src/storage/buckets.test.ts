import assert from "node:assert/strict";
import { test } from "node:test";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Bucket, IndexOp, ObjectIndex, ObjectRecord } from "../domain/objects.ts";
import { CLOUD, resourceKey } from "../domain/resource.ts";
import type { Store, Transaction } from "../domain/store.ts";
import { openMemoryStore } from "../store/drivers/memory/memory.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimRandom, type SimRandom } from "../testing/sim-random.ts";
import { BucketService } from "./buckets.ts";
import { openMemoryIndex } from "./index/memory.ts";

const BOX = { name: "box", project: "p-uid", projectName: "team", visibility: "private" } as const;

interface World {
  readonly store: Store;
  readonly index: ObjectIndex;
  readonly random: SimRandom;
  readonly buckets: BucketService;
  /** Puts an object as an upload does that has found its bucket. */
  put(bucket: string, key: string): Promise<void>;
  /** Keys of the store, but for those of the project. */
  keys(): Promise<string[]>;
}

async function createWorld(seed = 1): Promise<World> {
  const clock = createFakeClock();
  const random = createSimRandom(seed);
  const store = openMemoryStore({ clock, random });
  const index = openMemoryIndex();
  const project = { kind: "project", meta: { uid: BOX.project, name: BOX.projectName } };
  await store.transact({ then: [{ op: "put", key: resourceKey("project", CLOUD, BOX.projectName), value: project }] });
  return {
    ...{ store, index, random, buckets: new BucketService({ store, index, clock, random }) },
    put: (bucket, key) => index.batch([{ op: "put", record: emptyObject(bucket, key) }]),
    keys: async () => {
      const { entries } = await store.list({ prefix: "/" });
      return entries.map((entry) => entry.key).filter((key) => !key.startsWith("/project/"));
    },
  };
}

function emptyObject(bucket: string, key: string): ObjectRecord {
  const modifiedAt = new Date(0).toISOString();
  return {
    ...{ bucket, key, version: "0".repeat(26), sizeBytes: 0, etag: "d41d8cd98f00b204e9800998ecf8427e" },
    ...{ contentType: "a/b", modifiedAt, metadata: {}, chunks: [] },
  };
}

/** Runs `before` ahead of each drop of a shard. */
function beforeDrop({ index }: World, before: () => Promise<void>): void {
  const { batch } = index;
  index.batch = async (ops: readonly IndexOp[]) => {
    if (ops.some(({ op }) => op === "drop-bucket")) await before();
    return batch.call(index, ops);
  };
}

/** From now on these transactions fail, and nothing of them is in the store. */
function failTransactions({ store }: World, which: (transaction: Transaction) => boolean): () => void {
  const { transact } = store;
  store.transact = (transaction) =>
    which(transaction)
      ? Promise.reject(new SkerryError("unavailable/closed", "The store is closed."))
      : transact.call(store, transaction);
  return () => {
    store.transact = transact;
  };
}

test("a bucket is made with its shard, found, changed and deleted, and its name is free again", async () => {
  const { buckets, index, keys } = await createWorld();
  const { bucket, revision } = await buckets.create(BOX);
  assert.deepEqual(await buckets.find("box"), { bucket, revision });
  assert.equal((await index.totals(bucket.meta.uid)).buckets, 1);
  await assert.rejects(buckets.create(BOX), { code: "conflict", reason: "exists" });
  const changed = await buckets.update("box", { visibility: "public", revision });
  assert.deepEqual([changed.bucket.spec.visibility, changed.bucket.meta.generation], ["public", 2]);
  await assert.rejects(buckets.update("box", { visibility: "private", revision }), { reason: "precondition" });
  await buckets.delete("box");
  assert.deepEqual([await keys(), (await index.totals()).buckets], [[], 0]);
  await assert.rejects(buckets.delete("box"), { code: "not_found" });
  await buckets.create(BOX);
});

test("a project has so many buckets and no more; another has its own", async () => {
  const { buckets, store, index } = await createWorld();
  const { maxBucketsPerProject } = LIMITS.objects;
  for (let i = 0; i < maxBucketsPerProject; i++) await buckets.create({ ...BOX, name: `b${i}` });
  await assert.rejects(buckets.create({ ...BOX, name: "one-more" }), { code: "exhausted", reason: "quota" });
  assert.equal((await index.totals()).buckets, maxBucketsPerProject);
  const other = { project: "2".repeat(26), projectName: "other" };
  const value = { kind: "project", meta: { uid: other.project, name: other.projectName } };
  await store.transact({ then: [{ op: "put", key: resourceKey("project", CLOUD, other.projectName), value }] });
  await buckets.create({ ...BOX, ...other, name: "theirs" });
});

test("a create that is refused leaves no shard behind", async () => {
  const { buckets, index } = await createWorld();
  const labels = { huge: "x".repeat(2 ** 21) };
  await assert.rejects(buckets.create({ ...BOX, labels }), { code: "invalid" });
  await assert.rejects(buckets.create({ ...BOX, project: "another" }), { code: "not_found" });
  assert.equal((await index.totals()).buckets, 0);
});

test("a refused delete touches nothing, also when the object comes at the last moment", async () => {
  const world = await createWorld();
  const { buckets, put, store } = world;
  const { bucket, revision } = await buckets.create(BOX);
  let late = 0;
  beforeDrop(world, async () => {
    late += 1;
    // As each request finds it meanwhile: nothing says that it takes no changes.
    assert.deepEqual(await buckets.find("box"), { bucket, revision });
    await put(bucket.meta.uid, "late");
  });
  await assert.rejects(buckets.delete("box"), { code: "conflict", reason: "not-empty" });
  assert.equal(late, 1);
  const before = store.revision;
  await assert.rejects(buckets.delete("box"), { code: "conflict", reason: "not-empty" });
  assert.equal(store.revision, before, "nothing is written when it is seen at once");
  assert.deepEqual(await buckets.find("box"), { bucket, revision });
  assert.deepEqual((await world.keys()).length, 2, "the bucket and its name");
  await put(bucket.meta.uid, "after");
});

test("no object is acknowledged into a bucket whose deletion succeeded", async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 60; seed += 1) {
    const { buckets, index, keys, put, random } = await createWorld(seed);
    const { bucket } = await buckets.create(BOX);
    const soon = async () => {
      for (let turns = random.below(12); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
    };
    const { batch } = index;
    index.batch = async (ops) => {
      await soon();
      await batch.call(index, ops);
      await soon();
    };
    const puts = ["a", "b", "c"].map((key) => soon().then(() => put(bucket.meta.uid, key)));
    const deletes = [1, 2].map(() => soon().then(() => buckets.delete("box")));
    const done = await Promise.allSettled([...puts, ...deletes]);
    const stored = done.slice(0, puts.length).filter(({ status }) => status === "fulfilled").length;
    const deleted = done.slice(puts.length).some(({ status }) => status === "fulfilled");
    assert.equal((await index.totals()).objects, stored, `seed ${seed}`);
    assert.equal((await buckets.find("box")) === undefined, deleted, `seed ${seed}`);
    assert.equal((await index.totals()).buckets, deleted ? 0 : 1, `seed ${seed}`);
    assert.equal((await keys()).length, deleted ? 0 : 2, `seed ${seed}`);
    if (deleted) assert.equal(stored, 0, `seed ${seed}`);
    outcomes.add(deleted ? "deleted" : "kept");
  }
  assert.deepEqual([...outcomes].sort(), ["deleted", "kept"], "the seeds show both");
});

test("a delete that is cut in half is ended by the next start", async () => {
  const world = await createWorld();
  const { buckets, index, keys } = world;
  const { bucket } = await buckets.create(BOX);
  const mend = failTransactions(world, ({ then }) => then.some(({ op }) => op === "delete"));
  await assert.rejects(buckets.delete("box"), { reason: "closed" });
  assert.equal((await index.totals(bucket.meta.uid)).buckets, 0, "the shard is gone, the bucket is not");
  assert.ok(await buckets.find("box"));
  mend();
  await buckets.resume();
  assert.deepEqual(await keys(), []);
  await buckets.resume();
});

test("a delete of which the index has not answered is ended by the next start", async () => {
  const world = await createWorld();
  const { buckets, index, keys } = world;
  await buckets.create(BOX);
  const { batch } = index;
  index.batch = async (ops) => {
    await batch.call(index, ops);
    throw new SkerryError("unavailable/closed", "The index closed.");
  };
  await assert.rejects(buckets.delete("box"), { reason: "closed" });
  index.batch = batch;
  await buckets.resume();
  assert.deepEqual([await keys(), (await index.totals()).buckets], [[], 0]);
});

test("a delete that was cut before its decision does not touch what came into the bucket", async () => {
  const world = await createWorld();
  const { buckets, keys, put } = world;
  const { bucket } = await buckets.create(BOX);
  const mend = failTransactions(world, ({ then }) => then.some(({ op }) => op === "delete"));
  beforeDrop(world, () => put(bucket.meta.uid, "late"));
  await assert.rejects(buckets.delete("box"));
  mend();
  assert.equal((await keys()).length, 3);
  await buckets.resume();
  assert.ok(await buckets.find("box"));
  assert.equal((await keys()).length, 2);
});

test("while it is quiet, store and index tell of the same buckets, and what waits goes on afterwards", async () => {
  const world = await createWorld();
  await world.buckets.create(BOX);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const { transact } = world.store;
  world.store.transact = async (transaction) => {
    for (let turns = 0; turns < 3; turns++) await turn();
    return transact.call(world.store, transaction);
  };
  // Both have begun, and change one of the two only so far.
  const begun = Promise.all([world.buckets.create({ ...BOX, name: "second" }), world.buckets.delete("box")]);
  let waiting: Promise<unknown> = Promise.resolve();
  const seen = await world.buckets.whileQuiet(async () => {
    waiting = Promise.all([world.buckets.create({ ...BOX, name: "third" }), world.buckets.delete("second")]);
    const names = new Set<string>();
    // Time enough for those that must not begin, and for what must have ended.
    for (let turns = 0; turns < 30; turns++) {
      await turn();
      for (const { key, value } of (await world.store.list({ prefix: "/bucket/" })).entries) {
        names.add(key.slice("/bucket/p-uid/".length));
        const { uid } = (value as unknown as Bucket).meta;
        // Refused where the shard is gone.
        await world.index.batch([{ op: "put", record: emptyObject(uid, "k") }]);
        await world.index.batch([{ op: "delete", bucket: uid, key: "k" }]);
      }
    }
    return [...names];
  });
  assert.deepEqual(seen, ["second"]);
  await begun;
  await waiting;
  assert.equal(await world.buckets.find("second"), undefined);
  assert.notEqual(await world.buckets.find("third"), undefined);
});
