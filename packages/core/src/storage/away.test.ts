/** Chunkservers that go away and come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import { assertSameBytes, createSimStorage, type SimStorage } from "../testing/sim-storage.ts";

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
    ...{ bucket: "bucket", key: "k", contentType: "a/b", metadata: {}, signal: abort.signal },
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
