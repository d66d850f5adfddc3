import assert from "node:assert/strict";
import { test } from "node:test";
import { SkerryError } from "../domain/errors.ts";
import {
  assertSameBytes,
  BUCKET,
  chunksOf,
  createSimStorage,
  replaceFile,
  replicasOf,
  SMALL_CHUNK_BYTES,
} from "../testing/sim-storage.ts";
import { BlockChecksums } from "./chunk-format.ts";

test("an acknowledged object survives the loss of everything that was not synced", async () => {
  const storage = await createSimStorage();
  const content = Buffer.from(storage.random.bytes(700_000));
  await storage.put("k", content);
  storage.crash("dropAll");
  await storage.start();
  assertSameBytes(await storage.get("k"), content);
});

test("staged replicas of a decided object are rolled forward at the start, those of others removed", async () => {
  const storage = await createSimStorage();
  const undecided = storage.objects.put({
    ...{ bucket: BUCKET, key: "other", contentType: "a/b", metadata: {} },
    body: (async function* () {
      yield storage.random.bytes(SMALL_CHUNK_BYTES + 1);
      await new Promise(() => undefined);
    })(),
  });
  undecided.catch(() => undefined);
  while (storage.filesIn("staging").length < 3) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 100; i += 1) await new Promise((resolve) => setImmediate(resolve));
  const content = Buffer.from(storage.random.bytes(100_000));
  await storage.put("k", content);
  // Its renames were not synced: this undoes them.
  storage.crash("dropAll");
  storage.disk.powerOn();
  assert.equal(storage.filesIn("staging").length, 6);
  assert.equal(storage.filesIn("chunks").length, 0);
  await storage.start();
  assert.deepEqual(storage.filesIn("staging"), []);
  assert.deepEqual(storage.filesIn("chunks"), (await replicasOf(storage, "k")).sort());
  assertSameBytes(await storage.get("k"), content);
});

test("an upload is acknowledged only after the index has committed it", async () => {
  const storage = await createSimStorage();
  const content = storage.random.bytes(1000);
  await storage.put("k", content);
  const { batch } = storage.index;
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  storage.index.batch = async (ops) => {
    await gate;
    return batch.call(storage.index, ops);
  };
  let acknowledged = false;
  const put = storage.put("k", storage.random.bytes(2000)).then(() => {
    acknowledged = true;
  });
  for (let i = 0; i < 500; i += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(acknowledged, false);
  assertSameBytes(await storage.get("k"), Buffer.from(content), "the old version until then");
  release();
  await put;
  assert.equal((await storage.get("k"))?.byteLength, 2000);
});

test("an upload that the index refuses is refused and leaves nothing; of one with an unknown end everything stays", async () => {
  const storage = await createSimStorage();
  const { batch } = storage.index;
  storage.index.batch = () => Promise.reject(new SkerryError("exhausted/disk", "The index is full."));
  await assert.rejects(storage.put("k", storage.random.bytes(1000)), { code: "exhausted", reason: "disk" });
  assert.deepEqual(storage.filesIn("staging"), []);
  // Committed, but the answer was lost.
  storage.index.batch = async (ops) => {
    await batch.call(storage.index, ops);
    throw new SkerryError("unavailable/closed", "The index closed.");
  };
  const content = Buffer.from(storage.random.bytes(1000));
  await assert.rejects(storage.put("k", content), { reason: "closed" });
  assert.equal(storage.filesIn("staging").length, 3);
  storage.index.batch = batch;
  assertSameBytes(await storage.get("k"), content, "a staged replica is read when the index has it");
  await storage.run("storage.inventory");
  assert.deepEqual(storage.filesIn("staging"), []);
  assert.equal(storage.filesIn("chunks").length, 3);
});

test("an upload needs two durable copies: with only one it is refused and leaves nothing", async () => {
  const storage = await createSimStorage();
  for (const operation of ["open", "write", "sync", "syncDirectory"]) {
    storage.disk.inject((name, path) => (name === operation && /\/s[12]\//.test(path) ? "EIO" : undefined));
    await assert.rejects(
      storage.put("k", storage.random.bytes(SMALL_CHUNK_BYTES + 5)),
      { code: "unavailable", reason: "replicas" },
      operation,
    );
    storage.disk.inject(undefined);
    await storage.run("storage.repair");
    assert.equal(await storage.get("k"), undefined);
    assert.deepEqual([...storage.filesIn("staging"), ...storage.filesIn("chunks")], [], operation);
  }
});

test("a chunkserver that fails in the middle is dropped, and the third copy is made later", async () => {
  const storage = await createSimStorage();
  const content = Buffer.from(storage.random.bytes(2 * SMALL_CHUNK_BYTES + 100));
  for (const operation of ["open", "write", "sync", "syncDirectory", "rename"]) {
    let failures = 0;
    storage.disk.inject((name, path) => {
      if (name !== operation || !path.startsWith("/data/s2/")) return undefined;
      failures += 1;
      return "EIO";
    });
    await storage.put(operation, content);
    storage.disk.inject(undefined);
    assert.ok(failures > 0, operation);
    assertSameBytes(await storage.get(operation), content, operation);
    assert.equal((await storage.objects.status()).repairQueue > 0, true, operation);
    await storage.settle();
    for (const chunk of await chunksOf(storage, operation)) assert.deepEqual(chunk.replicas, ["s1", "s2", "s3"]);
  }
  assert.equal(storage.filesIn("chunks").length, 5 * 3 * 3);
  assert.deepEqual(storage.filesIn("staging"), []);
});

test("a full disk refuses new data as full; the old object stays and deletes work", async () => {
  const storage = await createSimStorage({ capacityBytes: 4_000_000 });
  const content = Buffer.from(storage.random.bytes(300_000));
  await storage.put("k", content);
  await assert.rejects(storage.put("k", storage.random.bytes(1_500_000)), { code: "exhausted", reason: "disk" });
  assertSameBytes(await storage.get("k"), content);
  assert.deepEqual(storage.filesIn("staging"), []);
  const fill = async () => {
    for (let i = 0; i < 100; i += 1) await storage.put(`fill${i}`, content.subarray(0, 30_000));
  };
  await assert.rejects(fill(), { reason: "disk" });
  const { freeBytes } = await storage.disk.space("/data/s1");
  assert.ok(freeBytes >= 100_000, `${freeBytes} bytes are left, of a reserve of 200,000`);
  await storage.objects.delete({ bucket: BUCKET, key: "k" });
  await storage.run("storage.garbage");
  await storage.put("again", content.subarray(0, 200_000));
  storage.disk.setCapacity(1_000_000);
  const status = await storage.objects.status();
  assert.deepEqual([status.state, status.servers[0]?.state], ["unavailable", "full"]);
});

test("a disk that fills up in the middle of an upload (ENOSPC) is full too", async () => {
  const storage = await createSimStorage();
  let writes = 0;
  storage.disk.inject((name) => {
    if (name !== "write") return undefined;
    writes += 1;
    return writes > 5 ? "ENOSPC" : undefined;
  });
  await assert.rejects(storage.put("k", storage.random.bytes(900_000)), { reason: "disk" });
  assert.deepEqual(storage.filesIn("staging"), []);
});

test("the inventory finds a missing replica before anyone reads it, and leaves unknown files alone", async () => {
  const storage = await createSimStorage();
  await storage.put("k", storage.random.bytes(1000));
  const paths = await replicasOf(storage, "k");
  storage.disk.vanish(paths[1] ?? "");
  const strange = `/data/s1/chunks/00/${"0".repeat(31)}1.1`;
  const stranger = "/data/s1/chunks/ff/notes.txt";
  for (const path of [strange, stranger]) await replaceFile(storage, path, Buffer.from("whose is this?"));
  await storage.settle();
  assert.ok(storage.disk.files().includes(paths[1] ?? ""));
  assert.ok(storage.disk.files().includes(strange));
  assert.ok(storage.disk.files().includes(stranger));
  assert.equal((await storage.objects.status()).unknownFiles, 2);
});

test("a chunkserver that goes away is missed but not needed, and is filled again when it is back", async () => {
  const storage = await createSimStorage({ capacityBytes: 2 ** 40 });
  const content = Buffer.from(storage.random.bytes(100_000));
  await storage.put("before", content);
  const away = (path: string) => path === "/data/s2" || path.startsWith("/data/s2/");
  storage.disk.inject((_, path) => (away(path) ? "EIO" : undefined));
  await storage.put("during", content);
  await storage.put("during2", content);
  assertSameBytes(await storage.get("before"), content);
  assertSameBytes(await storage.get("during"), content);
  const { state, replicas, servers } = await storage.objects.status();
  assert.deepEqual([state, replicas], ["degraded", "2 copies on 1 disk"]);
  assert.equal(servers[1]?.state, "unavailable");
  await assert.rejects(storage.run("storage.repair"), { code: "unavailable" });
  // What is deleted now is forgotten only when the chunkserver has removed it too.
  await storage.objects.delete({ bucket: BUCKET, key: "before" });
  await storage.run("storage.garbage");
  assert.equal((await storage.index.totals()).garbageChunks, 1);
  storage.disk.inject(undefined);
  await storage.settle();
  assert.equal(storage.filesIn("chunks").filter((path) => path.startsWith("/data/s2/")).length, 2);
  assert.equal(storage.filesIn("chunks").length, 6);
  assert.equal((await storage.objects.status()).state, "ok");
});

test("a removal that failed half way is durable when it is tried again", async () => {
  const storage = await createSimStorage();
  await storage.put("k", storage.random.bytes(1000));
  await storage.put("other", storage.random.bytes(1000));
  // Makes the names durable: the crash must not undo the renames.
  for (const path of await replicasOf(storage, "k"))
    await storage.disk.syncDirectory(path.slice(0, path.lastIndexOf("/")));
  await storage.objects.delete({ bucket: BUCKET, key: "k" });
  storage.disk.inject((operation, path) =>
    operation === "remove" && path.includes("/s3/staging/") ? "EIO" : undefined,
  );
  await storage.run("storage.garbage");
  assert.equal((await storage.index.totals()).garbageChunks, 1);
  storage.disk.inject(undefined);
  await storage.run("storage.garbage");
  assert.equal((await storage.index.totals()).garbageChunks, 0);
  storage.crash("dropAll");
  await storage.start();
  await storage.settle();
  assert.equal((await storage.objects.status()).unknownFiles, 0);
});

test("garbage that must wait for a chunkserver keeps no other garbage on the disks", async () => {
  const storage = await createSimStorage();
  await storage.put("k", storage.random.bytes(1000));
  storage.disk.inject((_, path) => (path.startsWith("/data/s2/") ? "EIO" : undefined));
  await storage.put("find that s2 is away", Buffer.from("x"));
  await storage.objects.delete({ bucket: BUCKET, key: "k" });
  // The job sees only the oldest: as if a page of others stood before it.
  const { garbage } = storage.index;
  storage.index.garbage = async () => [];
  await storage.run("storage.garbage");
  await storage.run("storage.inventory");
  const holders = () => storage.filesIn("chunks").map((path) => path.split("/")[2]);
  assert.deepEqual(holders(), ["s1", "s2", "s3"], "s2 has the old chunk, the others the new one");
  assert.equal((await storage.index.totals()).garbageChunks, 1);
  storage.index.garbage = garbage;
  storage.disk.inject(undefined);
  await storage.settle();
  assert.equal(storage.filesIn("chunks").length, 3);
  assert.equal((await storage.index.totals()).garbageChunks, 0);
});

test("with more chunkservers than copies, a chunk moves away from one that is gone", async () => {
  const storage = await createSimStorage({ servers: 5 });
  const content = Buffer.from(storage.random.bytes(100_000));
  await storage.put("k", content);
  const [chunk] = await chunksOf(storage, "k");
  const lost = chunk?.replicas[0] ?? assert.fail();
  storage.disk.inject((_, path) => (path.startsWith(`/data/${lost}`) ? "EIO" : undefined));
  // It is found away when the next upload wants to write there.
  for (let i = 0; i < 8; i += 1) await storage.put(`more${i}`, content);
  await storage.settle();
  const [moved] = await chunksOf(storage, "k");
  assert.equal(moved?.replicas.length, 3);
  assert.ok(!moved.replicas.includes(lost));
  assertSameBytes(await storage.get("k"), content);
});

test("a block's checksum covers its content, chunk, place and generation", () => {
  const content = Buffer.alloc(65_536, 7);
  const base = { id: "00112233445566778899aabbccddeeff", generation: 1 };
  const sums = [
    new BlockChecksums(base).of(content, 0),
    new BlockChecksums(base).of(content, 1),
    new BlockChecksums({ ...base, generation: 2 }).of(content, 0),
    new BlockChecksums({ ...base, id: base.id.replace("00", "01") }).of(content, 0),
    new BlockChecksums(base).of(Buffer.alloc(65_536, 8), 0),
  ];
  assert.equal(new Set(sums).size, sums.length);
});
