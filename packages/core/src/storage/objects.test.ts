import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { isError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import {
  assertSameBytes,
  BUCKET,
  collect,
  createSimStorage,
  pieces,
  SMALL_CHUNK_BYTES,
} from "../testing/sim-storage.ts";
import { createCollectingMetrics } from "../testing/sim-telemetry.ts";
import { createObjectService } from "./objects.ts";
import { openChunkServers } from "./open-chunkservers.ts";

const TYPE = { contentType: "text/plain", metadata: { colour: "green" } };

function putRequest(key: string, content: Uint8Array) {
  return { bucket: BUCKET, key, body: pieces(content, 10_000), ...TYPE };
}

for (const sizeBytes of [0, 1, 4095, 4096, 65_536, 65_537, SMALL_CHUNK_BYTES, SMALL_CHUNK_BYTES + 1, 1_500_000]) {
  test(`an object of ${sizeBytes} bytes comes back as it was, with its ETag, from three sealed replicas`, async () => {
    const storage = await createSimStorage({ seed: sizeBytes + 1 });
    const content = storage.random.bytes(sizeBytes);
    const info = await storage.objects.put(putRequest("a/b", content));
    assert.equal(info.sizeBytes, sizeBytes);
    assert.equal(info.etag, createHash("md5").update(content).digest("hex"));
    assert.match(info.version, /^[0-9a-hjkmnp-tv-z]{26}$/);
    assertSameBytes(await storage.get("a/b"), Buffer.from(content));
    assert.deepEqual(await storage.objects.head({ bucket: BUCKET, key: "a/b" }), info);
    assert.equal(storage.filesIn("chunks").length, 3 * Math.ceil(sizeBytes / SMALL_CHUNK_BYTES));
    assert.deepEqual(storage.filesIn("staging"), []);
    assert.deepEqual(storage.log.lines, []);
  });
}

test("a chunk of full size and a buffer boundary are no special place", async () => {
  const storage = await createSimStorage({ chunkBytes: LIMITS.objects.chunkBytes });
  const content = Buffer.alloc(LIMITS.objects.chunkBytes + 70_000);
  for (let at = 0; at < content.byteLength; at += 4096) content.writeUInt32LE(at, at);
  await storage.put("big", content, 1_000_003);
  const found = await storage.get("big");
  assert.ok(found?.equals(content));
  assert.equal(storage.filesIn("chunks").length, 6);
});

test("small pieces give the same bytes, none larger than was asked for", async () => {
  const storage = await createSimStorage();
  const content = Buffer.from(storage.random.bytes(3 * SMALL_CHUNK_BYTES + 777));
  await storage.put("k", content);
  const { blockBytes: pieceBytes } = LIMITS.objects;
  for (const [offset, length] of [
    [0, content.byteLength],
    [SMALL_CHUNK_BYTES - 5, SMALL_CHUNK_BYTES + 10],
  ] as const) {
    const found = await storage.objects.get({ bucket: BUCKET, key: "k", range: { offset, length }, pieceBytes });
    const parts: Buffer[] = [];
    for await (const part of found?.body ?? []) parts.push(Buffer.from(part));
    assertSameBytes(Buffer.concat(parts), content.subarray(offset, offset + length));
    assert.ok(parts.every((part) => part.length <= pieceBytes) && parts.length >= length / pieceBytes);
  }
});

test("a range gives exactly its bytes and reads only the blocks it touches", async () => {
  const storage = await createSimStorage();
  const content = Buffer.from(storage.random.bytes(3 * SMALL_CHUNK_BYTES + 777));
  await storage.put("k", content);
  const ranges = [
    [0, 0],
    [0, 1],
    [65_535, 2],
    [SMALL_CHUNK_BYTES - 1, 2],
    [SMALL_CHUNK_BYTES - 5, SMALL_CHUNK_BYTES + 10],
    [content.byteLength - 1, 1],
    [content.byteLength, 0],
  ] as const;
  for (const [offset, length] of ranges) {
    const found = await storage.objects.get({ bucket: BUCKET, key: "k", range: { offset, length } });
    assert.equal(found?.sizeBytes, length);
    assertSameBytes(await collect(found.body), content.subarray(offset, offset + length), `${offset}+${length}`);
  }
  for (const range of [
    { offset: 0, length: content.byteLength + 1 },
    { offset: -1, length: 1 },
    { offset: 0.5, length: 1 },
  ]) {
    await assert.rejects(storage.objects.get({ bucket: BUCKET, key: "k", range }), { reason: "range" });
  }
  let readBytes = 0;
  storage.disk.inject((operation) => {
    if (operation === "read") readBytes += 1;
    return undefined;
  });
  const one = await storage.objects.get({
    bucket: BUCKET,
    key: "k",
    range: { offset: 2 * SMALL_CHUNK_BYTES, length: 1 },
  });
  await collect(one?.body ?? assert.fail());
  assert.equal(readBytes, 2, "the header and one block");
});

test("an overwrite and a delete leave running readers alone, and the old chunks go afterwards", async () => {
  const storage = await createSimStorage();
  const before = Buffer.from(storage.random.bytes(1_000_000));
  const after = Buffer.from(storage.random.bytes(300_000));
  await storage.put("k", before);
  const first = await storage.objects.get({ bucket: BUCKET, key: "k" });
  await first?.body.next();
  const second = await storage.objects.get({ bucket: BUCKET, key: "k" });
  await storage.put("k", after);
  await storage.run("storage.garbage");
  assertSameBytes(await storage.get("k"), after);
  await storage.objects.delete({ bucket: BUCKET, key: "k" });
  await storage.run("storage.garbage");
  assert.equal(await storage.get("k"), undefined);
  assertSameBytes(await collect(second?.body ?? assert.fail()), before);
  await first?.body.return?.();
  await storage.run("storage.garbage");
  assert.deepEqual(storage.filesIn("chunks"), []);
  assert.equal((await storage.index.totals()).garbageChunks, 0);
});

test("a body that nobody reads lets its chunks go when it is returned, and when its signal aborts", async () => {
  const storage = await createSimStorage();
  await storage.put("k", storage.random.bytes(100_000));
  const abort = new AbortController();
  const returned = await storage.objects.get({ bucket: BUCKET, key: "k" });
  const aborted = await storage.objects.get({ bucket: BUCKET, key: "k", signal: abort.signal });
  await storage.objects.delete({ bucket: BUCKET, key: "k" });
  await returned?.body.return?.();
  await storage.run("storage.garbage");
  assert.equal(storage.filesIn("chunks").length, 3);
  abort.abort(new Error("the client left"));
  await assert.rejects(async () => aborted?.body.next(), /the client left/);
  await storage.run("storage.garbage");
  assert.deepEqual(storage.filesIn("chunks"), []);
  assert.equal(storage.metrics.value("skerry_storage_pool_used_buffers"), 0);
});

test("conditions hold at the commit, and are refused before the body when they cannot hold", async () => {
  const storage = await createSimStorage();
  const one = await storage.objects.put(putRequest("k", Buffer.from("one")));
  let bodyRead = false;
  async function* body() {
    bodyRead = true;
    yield Buffer.from("two");
  }
  const put = (condition: object, from: AsyncIterable<Uint8Array> = pieces(Buffer.from("two"), 9)) =>
    storage.objects.put({ bucket: BUCKET, key: "k", body: from, ...TYPE, condition });
  await assert.rejects(put({ ifNoneMatch: "*" }, body()), { reason: "precondition" });
  await assert.rejects(put({ ifMatch: ["0".repeat(32)] }, body()), { reason: "precondition" });
  assert.equal(bodyRead, false);
  // Two who saw the same version: one wins.
  const both = await Promise.allSettled([put({ ifMatch: [one.etag] }), put({ ifMatch: [one.etag] })]);
  assert.equal(both.filter((outcome) => outcome.status === "fulfilled").length, 1);
  await storage.settle();
  assert.equal(storage.filesIn("chunks").length, 3);
  assert.deepEqual(storage.filesIn("staging"), []);
  await assert.rejects(storage.objects.get({ bucket: BUCKET, key: "k", condition: { ifMatch: [one.etag] } }), {
    reason: "precondition",
  });
  await assert.rejects(storage.objects.delete({ bucket: BUCKET, key: "k", condition: { ifMatch: [one.etag] } }), {
    reason: "precondition",
  });
});

test("bodies that are short, long, broken or cancelled leave nothing behind", async () => {
  const storage = await createSimStorage();
  await storage.put("k", Buffer.from("before"));
  const content = storage.random.bytes(900_000);
  async function* broken() {
    yield content;
    throw new Error("connection reset");
  }
  async function* hanging() {
    yield content;
    await new Promise(() => undefined);
  }
  const base = { ...putRequest("k", content) };
  await assert.rejects(storage.objects.put({ ...base, body: pieces(content, 7000), contentLength: 900_001 }), {
    code: "invalid",
  });
  await assert.rejects(storage.objects.put({ ...base, body: pieces(content, 7000), contentLength: 899_999 }), {
    code: "invalid",
  });
  await assert.rejects(storage.objects.put({ ...base, body: broken() }), /connection reset/);
  const abort = new AbortController();
  const cancelled = storage.objects.put({ ...base, body: hanging(), signal: abort.signal });
  setImmediate(() => abort.abort(new Error("the client left")));
  await assert.rejects(cancelled, /the client left/);
  await assert.rejects(storage.objects.put({ ...base, contentLength: 2 ** 50 }), { reason: "too-large" });
  assert.deepEqual(storage.filesIn("staging"), []);
  assert.equal(storage.filesIn("chunks").length, 3);
  assertSameBytes(await storage.get("k"), Buffer.from("before"));
  assert.equal(storage.metrics.value("skerry_storage_pool_used_buffers"), 0);
  assert.equal(storage.metrics.value("skerry_storage_uploads"), 0);
  assert.equal(storage.disk.openFiles, 0);
});

test("an upload whose digest cannot be begun is refused and keeps no buffer", async () => {
  const { disk, random, clock, index, log } = await createSimStorage();
  const metrics = createCollectingMetrics();
  const directories = ["a", "b", "c"].map((name) => ({ name, directory: `/data/${name}` }));
  const world = { disk, random, clock, index, log, metrics, cluster: "c", registryFile: "/data/other" };
  const servers = await openChunkServers({ ...world, directories });
  const md5 = (): never => {
    throw new Error("no more threads");
  };
  const digests = { md5, [Symbol.asyncDispose]: async () => undefined };
  await using objects = await createObjectService({ ...world, servers, digests });
  await assert.rejects(objects.put(putRequest("k", random.bytes(2_000_000))), /no more threads/);
  assert.equal(metrics.value("skerry_storage_pool_used_buffers"), 0);
  assert.deepEqual(
    disk.files().filter((path) => path.includes("/staging/")),
    [],
  );
});

test("bad keys, metadata and a missing bucket are refused", async () => {
  const storage = await createSimStorage();
  for (const key of ["", "x".repeat(1025), "\ud800"]) {
    await assert.rejects(storage.objects.put(putRequest(key, Buffer.from("x"))), { code: "invalid" });
  }
  const heavy = { ...putRequest("k", Buffer.from("x")), metadata: { a: "x".repeat(3000) } };
  await assert.rejects(storage.objects.put(heavy), { reason: "too-large" });
  await assert.rejects(storage.objects.put({ ...putRequest("k", Buffer.from("x")), bucket: "none" }), {
    code: "not_found",
  });
  assert.deepEqual(storage.filesIn("staging"), []);
  assert.equal(await storage.objects.get({ bucket: BUCKET, key: "none" }), undefined);
});

test("more uploads than allowed are refused, slow ones do not keep others from writing", async () => {
  const storage = await createSimStorage();
  const stop = new AbortController();
  async function* slow() {
    yield Buffer.from("a few bytes, then nothing");
    await new Promise(() => undefined);
  }
  const slowOnes = Array.from({ length: LIMITS.objects.maxUploads - 1 }, (_, i) =>
    storage.objects.put({ ...putRequest(`slow${i}`, Buffer.alloc(0)), body: slow(), signal: stop.signal }),
  );
  const content = storage.random.bytes(2_000_000);
  await storage.put("quick", content);
  assertSameBytes(await storage.get("quick"), Buffer.from(content));
  const last = storage.objects.put({ ...putRequest("last", content), body: slow(), signal: stop.signal });
  await assert.rejects(storage.put("beyond", content), (error) => isError(error, "exhausted/overload"));
  stop.abort(new Error("enough"));
  const outcomes = await Promise.allSettled([...slowOnes, last]);
  assert.ok(outcomes.every((outcome) => outcome.status === "rejected"));
  await storage.put("after", content);
});

test("stopping ends transfers and refuses new ones", async () => {
  const storage = await createSimStorage();
  const { objects } = storage;
  const content = storage.random.bytes(600_000);
  await storage.put("k", content);
  const found = await objects.get({ bucket: BUCKET, key: "k" });
  async function* hanging() {
    yield content;
    await new Promise(() => undefined);
  }
  const upload = objects.put({ ...putRequest("h", content), body: hanging() });
  const ended = assert.rejects(upload, { code: "unavailable", reason: "draining" });
  await storage.stop();
  await ended;
  await assert.rejects(async () => found?.body.next(), { reason: "draining" });
  await assert.rejects(objects.put(putRequest("x", content)), { reason: "draining" });
  assert.deepEqual(storage.filesIn("staging"), []);
});

test("the status says on how many disks the copies are", async () => {
  const oneDisk = await createSimStorage({ capacityBytes: 2 ** 40 });
  assert.equal((await oneDisk.objects.status()).replicas, "3 copies on 1 disk");
  const devices = { "/data/s1": 1, "/data/s2": 2, "/data/s3": 3 };
  const threeDisks = await createSimStorage({ devices, capacityBytes: 2 ** 40 });
  await threeDisks.put("k", Buffer.from("x"));
  const { servers, ...status } = await threeDisks.objects.status();
  assert.deepEqual(status, {
    replicas: "3 copies on 3 disks",
    state: "ok",
    distinctDisks: 3,
    objects: 1,
    sizeBytes: 1,
    garbageChunks: 0,
    repairQueue: 0,
    unknownFiles: 0,
    lostChunks: 0,
    lostObjects: [],
  });
  assert.deepEqual(
    servers.map(({ name, state, device }) => [name, state, device]),
    [
      ["s1", "ok", 1],
      ["s2", "ok", 2],
      ["s3", "ok", 3],
    ],
  );
});
