/** Damaged replicas: never a wrong byte, and they are mended. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assertSameBytes,
  BUCKET,
  chunksOf,
  collect,
  createSimStorage,
  errorLines,
  replaceFile,
  replicaPath,
  replicasOf,
  type SimStorage,
  SMALL_CHUNK_BYTES,
} from "../testing/sim-storage.ts";
import { DATA_OFFSET } from "./chunk-format.ts";

/** Ways to spoil a replica: what the file becomes. */
const DAMAGES: Readonly<Record<string, (storage: SimStorage, path: string) => Promise<void>>> = {
  "a flipped bit in the content": async ({ disk }, path) => disk.flipBit(path, DATA_OFFSET + 70_000),
  "a flipped bit in the header": async ({ disk }, path) => disk.flipBit(path, 70),
  "a flipped bit in the table": async ({ disk }, path) => disk.flipBit(path, 4096 + 5),
  "a file that is gone": async ({ disk }, path) => disk.vanish(path),
  "a file that is cut short": async (storage, path) =>
    replaceFile(storage, path, storage.disk.content(path).subarray(0, 90_000)),
  "an empty file": async (storage, path) => replaceFile(storage, path, Buffer.alloc(0)),
  "an unreadable file": async ({ disk }, path) =>
    disk.inject((operation, at) => (operation === "read" && at === path ? "EIO" : undefined)),
  "another chunk's file": async (storage, path) => {
    await storage.put("other", storage.random.bytes(200_000));
    const [other] = await replicasOf(storage, "other");
    await replaceFile(storage, path, storage.disk.content(other ?? assert.fail()));
  },
  "blocks in the wrong places": async (storage, path) => {
    const file = storage.disk.content(path);
    const first = Buffer.from(file.subarray(DATA_OFFSET, DATA_OFFSET + 65_536));
    file.copy(file, DATA_OFFSET, DATA_OFFSET + 65_536, DATA_OFFSET + 131_072);
    first.copy(file, DATA_OFFSET + 65_536);
    await replaceFile(storage, path, file);
  },
  "a stale generation": async (storage, path) => {
    const file = storage.disk.content(path);
    file.writeBigUInt64LE(7n, 64);
    await replaceFile(storage, path, file);
  },
};

for (const [name, spoil] of Object.entries(DAMAGES)) {
  test(`two replicas with ${name}: never a wrong byte; the third is read, the damage logged once and mended`, async () => {
    const storage = await createSimStorage();
    const content = Buffer.from(storage.random.bytes(200_000));
    await storage.put("k", content);
    const paths = await replicasOf(storage, "k");
    for (const path of paths.slice(0, 2)) await spoil(storage, path);
    for (let i = 0; i < 8; i += 1) assertSameBytes(await storage.get("k"), content);
    const servers = errorLines(storage).map((line) => line.fields["server"]);
    assert.deepEqual(servers.sort(), [...new Set(servers)], "each once");
    assert.ok(servers.length >= 1);
    storage.disk.inject(undefined);
    await storage.settle();
    storage.disk.vanish(paths[2] ?? assert.fail());
    assertSameBytes(await storage.get("k"), content, "a mended replica is good");
    await storage.settle();
    for (const path of paths) assert.ok(storage.disk.files().includes(path));
  });
}

test("damage in the middle of a stream changes to another replica without a wrong or double byte", async () => {
  const storage = await createSimStorage({ chunkBytes: 4 * 1024 * 1024 });
  const content = Buffer.from(storage.random.bytes(3_500_000));
  await storage.put("k", content);
  const paths = await replicasOf(storage, "k");
  // Each replica has damage in another block, and none is good as a whole.
  storage.disk.flipBit(paths[0] ?? "", DATA_OFFSET + 1_200_000);
  storage.disk.flipBit(paths[1] ?? "", DATA_OFFSET + 2_300_000);
  for (let i = 0; i < 6; i += 1) assertSameBytes(await storage.get("k"), content);
});

test("when all replicas are bad the stream fails after the good bytes, and nothing is thrown away", async () => {
  const storage = await createSimStorage();
  const content = Buffer.from(storage.random.bytes(2 * SMALL_CHUNK_BYTES));
  await storage.put("k", content);
  const second = (await chunksOf(storage, "k"))[1] ?? assert.fail();
  const paths = storage.directories.map((directory) => replicaPath(directory, second));
  for (const path of paths) storage.disk.flipBit(path, DATA_OFFSET);
  const found = await storage.objects.get({ bucket: BUCKET, key: "k" });
  const received: Uint8Array[] = [];
  await assert.rejects(
    async () => {
      for await (const piece of found?.body ?? assert.fail()) received.push(Buffer.from(piece));
    },
    { code: "internal", reason: "corrupt" },
  );
  assertSameBytes(Buffer.concat(received), content.subarray(0, SMALL_CHUNK_BYTES));
  await storage.run("storage.repair");
  for (const path of paths) assert.ok(storage.disk.files().includes(path), "the last copies stay, bad as they are");
  assert.deepEqual(storage.filesIn("quarantine"), []);
  const first = await storage.objects.get({
    bucket: BUCKET,
    key: "k",
    range: { offset: 0, length: SMALL_CHUNK_BYTES },
  });
  assertSameBytes(await collect(first?.body ?? assert.fail()), content.subarray(0, SMALL_CHUNK_BYTES));
});

test("a bad replica is put aside, not deleted, once a good copy is there; it goes with its object", async () => {
  const storage = await createSimStorage();
  await storage.put("k", storage.random.bytes(100_000));
  const [path] = await replicasOf(storage, "k");
  storage.disk.flipBit(path ?? "", DATA_OFFSET);
  for (let i = 0; i < 8; i += 1) await storage.get("k");
  await storage.run("storage.repair");
  assert.equal(storage.filesIn("quarantine").length, 1);
  assert.equal(storage.metrics.value("skerry_storage_repaired_replicas_total"), 1);
  await storage.objects.delete({ bucket: BUCKET, key: "k" });
  await storage.settle();
  assert.deepEqual([...storage.filesIn("quarantine"), ...storage.filesIn("chunks")], []);
});

test("an object whose chunks are gone is refused before its first byte, and told of until it goes or they come back", async () => {
  const storage = await createSimStorage();
  const content = Buffer.from(storage.random.bytes(3 * SMALL_CHUNK_BYTES));
  for (const key of ["film", "good", "other"]) await storage.put(key, content);
  const last = (await chunksOf(storage, "film"))[2] ?? assert.fail();
  const paths = storage.directories.map((directory) => replicaPath(directory, last));
  const kept = storage.disk.content(paths[0] ?? "");
  for (const path of paths) storage.disk.vanish(path);
  for (const path of await replicasOf(storage, "other")) storage.disk.vanish(path);
  // Nobody has looked yet: what is wrong with the first bytes is known when they are asked for, and no body begins.
  const other = await storage.objects.get({ bucket: BUCKET, key: "other" });
  await assert.rejects(other?.body.begin() ?? assert.fail(), { code: "internal", reason: "corrupt" });
  await storage.settle();
  const { state, lostChunks, lostObjects } = await storage.objects.status();
  assert.deepEqual([state, lostChunks], ["degraded", 2]);
  const byKey = lostObjects.map(({ bucket, key }) => `${bucket}:${key}`).sort();
  assert.deepEqual(byKey, [`${BUCKET}:film`, `${BUCKET}:other`]);
  await assert.rejects(storage.objects.get({ bucket: BUCKET, key: "film" }), { code: "internal", reason: "corrupt" });
  // What is there can be read.
  const range = { offset: 0, length: 2 * SMALL_CHUNK_BYTES };
  const part = await storage.objects.get({ bucket: BUCKET, key: "film", range });
  assertSameBytes(await collect(part?.body ?? assert.fail()), content.subarray(0, range.length));
  assertSameBytes(await storage.get("good"), content);
  // One goes with its object, the other comes back with its disk.
  await storage.objects.delete({ bucket: BUCKET, key: "other" });
  await storage.run("storage.garbage");
  assert.equal((await storage.objects.status()).lostChunks, 1);
  await replaceFile(storage, paths[0] ?? "", kept);
  assertSameBytes(await storage.get("film"), content);
  await storage.settle();
  const after = await storage.objects.status();
  assert.deepEqual([after.state, after.lostChunks], ["ok", 0]);
  for (const path of paths) assert.ok(storage.disk.files().includes(path), "the copies are made again");
});

test("what is lost is found again after a start, once, and leaves the queue to what can be helped", async () => {
  const storage = await createSimStorage();
  await storage.put("k", storage.random.bytes(1000));
  for (const path of await replicasOf(storage, "k")) storage.disk.vanish(path);
  await storage.settle();
  await storage.stop();
  await storage.start();
  await storage.settle();
  const logged = errorLines(storage).length;
  for (let i = 0; i < 3; i += 1) await storage.run("storage.inventory");
  const { repairQueue, lostChunks } = await storage.objects.status();
  assert.deepEqual([repairQueue, lostChunks], [0, 1]);
  assert.equal(errorLines(storage).length, logged);
});
