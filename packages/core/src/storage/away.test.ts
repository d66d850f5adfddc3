/** Chunkservers that go away and come back, and those that do only a part of their work. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { assertSameBytes, BUCKET, createSimStorage, replicasOf, type SimStorage } from "../testing/sim-storage.ts";

/** These directories fail in everything, until it is called with none. */
function lose({ disk }: SimStorage, ...names: string[]): void {
  const lost = (path: string) => names.some((name) => path === `/data/${name}` || path.startsWith(`/data/${name}/`));
  disk.inject((_, path) => (lost(path) ? "EIO" : undefined));
}

function available({ objects }: SimStorage): Promise<(string | boolean)[]> {
  return objects.status().then(({ servers }) => servers.map(({ state }) => state !== "unavailable"));
}

async function untilWaiting({ clock }: SimStorage): Promise<void> {
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
}

test("the first upload after lost chunkservers are back is stored, and the first download read", async () => {
  const storage = await createSimStorage({ capacityBytes: 2 ** 40 });
  const content = Buffer.from(storage.random.bytes(100_000));
  await storage.put("before", content);
  lose(storage, "s1", "s2", "s3");
  await assert.rejects(storage.put("during", content), { code: "unavailable", reason: "replicas" });
  assert.deepEqual(await available(storage), [false, false, false]);
  await assert.rejects(storage.get("before"), { code: "unavailable", reason: "replicas" });
  lose(storage);
  assertSameBytes(await storage.get("before"), content);
  lose(storage, "s1", "s2", "s3");
  await assert.rejects(storage.put("during", content), { code: "unavailable", reason: "replicas" });
  lose(storage);
  await storage.put("after", content);
  assertSameBytes(await storage.get("after"), content);
  assert.deepEqual(storage.filesIn("staging"), []);
});

test("uploads that find too few chunkservers look for them together, once", async () => {
  const storage = await createSimStorage({ capacityBytes: 2 ** 40 });
  lose(storage, "s2", "s3");
  await assert.rejects(storage.put("k", Buffer.from("x")), { reason: "replicas" });
  let looks = 0;
  storage.disk.inject((operation, path) => {
    if (operation === "open" && path === "/data/s2/identity.json") looks += 1;
    return undefined;
  });
  await Promise.all(Array.from({ length: 20 }, (_, i) => storage.put(`k${i}`, Buffer.from("x"))));
  assert.equal(looks, 1);
});

test("a chunkserver that does not answer whether it is back keeps an upload only so long", async () => {
  const storage = await createSimStorage({ capacityBytes: 2 ** 40 });
  lose(storage, "s2", "s3");
  await assert.rejects(storage.put("k", Buffer.from("x")), { reason: "replicas" });
  const { stat } = storage.disk;
  storage.disk.stat = (path) => (path === "/data/s2" ? new Promise(() => undefined) : stat.call(storage.disk, path));
  const put = storage.put("k", Buffer.from("x"));
  const refused = assert.rejects(put, { code: "unavailable", reason: "replicas" });
  await untilWaiting(storage);
  await storage.clock.advance(LIMITS.objects.probeMs);
  await refused;
  assert.deepEqual([storage.clock.sleepers, storage.metrics.value("skerry_storage_uploads")], [0, 0]);
  const abort = new AbortController();
  const left = storage.objects.put({
    ...{ bucket: BUCKET, key: "k", contentType: "a/b", metadata: {}, signal: abort.signal },
    body: (async function* () {
      yield Buffer.from("x");
    })(),
  });
  await untilWaiting(storage);
  abort.abort(new Error("the client left"));
  await assert.rejects(left, /the client left/);
  assert.equal(storage.metrics.value("skerry_storage_pool_used_buffers"), 0);
});

test("disks without room are blamed only when room is all that is missing", async () => {
  const storage = await createSimStorage({ servers: 5, capacityBytes: 2 ** 40 });
  const faults = new Map<string, string>();
  storage.disk.inject((operation, path) => {
    const code = faults.get(path.split("/")[2] ?? "");
    return code === "EIO" || operation === "write" || operation === "open" ? code : undefined;
  });
  for (const name of ["s1", "s2", "s3"]) faults.set(name, "ENOSPC");
  for (const name of ["s4", "s5"]) faults.set(name, "EIO");
  await assert.rejects(storage.put("k", Buffer.from("x")), { reason: "disk" }, "three without room, two away");
  for (const name of ["s2", "s3"]) faults.set(name, "EIO");
  await assert.rejects(storage.put("k", Buffer.from("x")), { reason: "replicas" }, "one without room, four away");
  await assert.rejects(storage.put("k", Buffer.from("x")), { reason: "replicas" }, "and known to be away");
});

test("a chunkserver that is closed while it looks for its directory stays closed", async () => {
  const storage = await createSimStorage({ capacityBytes: 2 ** 40 });
  lose(storage, "s1", "s2", "s3");
  await assert.rejects(storage.put("k", Buffer.from("x")), { reason: "replicas" });
  lose(storage);
  const probing = storage.run("storage.repair");
  const { objects } = storage;
  await storage.stop();
  await probing;
  assert.deepEqual(
    (await objects.status()).servers.map(({ state }) => state),
    ["unavailable", "unavailable", "unavailable"],
  );
});

test("a new disk that two look for at once gets one identity", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const storage = await createSimStorage({ seed, capacityBytes: 2 ** 40 });
    storage.disk.vanish("/data/s2");
    await storage.put("find that it is gone", Buffer.from("x"));
    await storage.disk.makeDirectory("/data/s2");
    await using file = await storage.disk.open("/data/s2/new-disk", { write: true, create: "exclusive" });
    await file.syncData();
    await Promise.allSettled([storage.run("storage.repair"), storage.run("storage.inventory")]);
    assert.deepEqual(await available(storage), [true, true, true], `seed ${seed}`);
    const registry = JSON.parse(storage.disk.content("/data/servers").toString());
    const identity = JSON.parse(storage.disk.content("/data/s2/identity.json").toString());
    assert.equal(registry.servers.s2.disk, identity.disk, `seed ${seed}`);
  }
});

test("one disk that cannot settle what is staged there keeps nobody from starting", async () => {
  const faults = [
    ["rename", "/data/s2/staging/"],
    ["readDirectory", "/data/s2/staging"],
  ] as const;
  for (const [faulty, where] of faults) {
    const storage = await createSimStorage();
    const content = Buffer.from(storage.random.bytes(100_000));
    await storage.put("k", content);
    // Undoes the renames.
    storage.crash("dropAll");
    storage.disk.inject((operation, path) => (operation === faulty && path.startsWith(where) ? "EROFS" : undefined));
    await storage.start();
    assert.equal(storage.filesIn("staging").length, 1, faulty);
    assert.ok(storage.log.lines.some(({ level, fields }) => level === "warn" && fields["server"] === "s2"));
    for (let i = 0; i < 6; i += 1) assertSameBytes(await storage.get("k"), content, faulty);
    storage.disk.inject(undefined);
    await storage.settle();
    assert.deepEqual([storage.filesIn("staging").length, storage.filesIn("chunks").length], [0, 3], faulty);
  }
});

test("one directory that cannot be listed keeps the inventory from nothing else", async () => {
  const storage = await createSimStorage();
  for (let i = 0; i < 10; i += 1) {
    await storage.put(`k${i}`, Buffer.from("x"));
    storage.disk.vanish((await replicasOf(storage, `k${i}`))[0] ?? "");
  }
  storage.disk.inject((operation, path) =>
    operation === "readDirectory" && path === "/data/s2/chunks/00" ? "EIO" : undefined,
  );
  await storage.run("storage.inventory");
  assert.equal((await storage.objects.status()).repairQueue, 10);
  const told = storage.log.lines.filter(({ level, fields }) => level === "warn" && fields["server"] === "s2");
  assert.equal(told.length, 1);
});

test("one file that cannot be removed keeps no other garbage on the disk", async () => {
  const storage = await createSimStorage();
  for (let i = 0; i < 10; i += 1) await storage.put(`k${i}`, Buffer.from("x"));
  const [stuck] = await replicasOf(storage, "k0");
  for (let i = 0; i < 10; i += 1) await storage.objects.delete({ bucket: BUCKET, key: `k${i}` });
  storage.disk.inject((operation, path) => (operation === "remove" && path === stuck ? "EIO" : undefined));
  await storage.run("storage.garbage");
  assert.deepEqual(storage.filesIn("chunks"), [stuck]);
  storage.disk.inject(undefined);
  await storage.settle();
  assert.deepEqual(storage.filesIn("chunks"), []);
});

test("too many open files is a passing trouble, not a bad replica and not a lost chunkserver", async () => {
  const storage = await createSimStorage({ capacityBytes: 2 ** 40 });
  const content = Buffer.from(storage.random.bytes(1000));
  await storage.put("k", content);
  const exhaust = (part: string) =>
    storage.disk.inject((operation, path) => (operation === "open" && path.includes(part) ? "EMFILE" : undefined));
  exhaust("/chunks/");
  await assert.rejects(storage.get("k"), { code: "unavailable", reason: "replicas" });
  await storage.run("storage.inventory");
  storage.disk.vanish((await replicasOf(storage, "k"))[2] ?? "");
  exhaust("/s1/chunks/");
  await storage.run("storage.inventory");
  await storage.run("storage.repair").catch(() => undefined);
  assert.deepEqual(storage.filesIn("quarantine"), []);
  exhaust("/s1/staging/");
  await storage.put("other", content);
  assert.deepEqual(await available(storage), [true, true, true]);
  storage.disk.inject(undefined);
  await storage.settle();
  assert.equal(storage.filesIn("chunks").length, 6);
  assert.equal(storage.disk.openFiles, 0);
});

test("a staged replica that is settled is nobody else's meanwhile", async () => {
  const storage = await createSimStorage();
  const { batch } = storage.index;
  // Committed, but the answer was lost: the replicas stay staged.
  storage.index.batch = async (ops) => {
    await batch.call(storage.index, ops);
    throw new SkerryError("unavailable/closed", "The index closed.");
  };
  await assert.rejects(storage.put("k", Buffer.from("x")), { reason: "closed" });
  storage.index.batch = batch;
  const { rename, remove } = storage.disk;
  const gate = Promise.withResolvers<void>();
  let renamed: Promise<void> | undefined;
  storage.disk.rename = (from, to) => {
    renamed ??= gate.promise.then(() => rename.call(storage.disk, from, to));
    return from.startsWith("/data/s1/") ? renamed : rename.call(storage.disk, from, to);
  };
  // The worst moment for the rename: after `chunks` was looked at, before `staging` is.
  storage.disk.remove = async (path) => {
    if (path.startsWith("/data/s1/staging/")) {
      gate.resolve();
      await renamed;
    }
    return remove.call(storage.disk, path);
  };
  const inventory = storage.run("storage.inventory");
  while (renamed === undefined) await new Promise((resolve) => setImmediate(resolve));
  await storage.objects.delete({ bucket: BUCKET, key: "k" });
  await storage.run("storage.garbage");
  gate.resolve();
  await inventory.catch(() => undefined);
  await storage.settle();
  assert.deepEqual([...storage.filesIn("staging"), ...storage.filesIn("chunks")], []);
});
