import assert from "node:assert/strict";
import { copyFileSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { createBucket, put, putKeys, refuses, remove, sampleChunk, sampleRecord } from "../samples.ts";
import { findLostChunks, inspectCopy } from "./copy.ts";
import { openSqliteIndex } from "./open.ts";
import { CLUSTER, makeSite } from "./site.ts";

const never = new AbortController().signal;

test("a copy shows the moment at which it was begun, whatever is committed until it is finished", async (t) => {
  const site = makeSite(t);
  const index = await site.open();
  await index.batch([createBucket("b1"), createBucket("b2")]);
  const records = await putKeys(index, "b1", ["a", "b", "c"]);
  const path = site.path("copy.sqlite");
  {
    await using copy = await index.copyTo(path, never);
    await index.batch([remove("b1", "a"), put(sampleRecord("b1", "d")), put(sampleRecord("b2", "e"))]);
    await index.batch([createBucket("b3")]);
    assert.equal((await index.totals()).objects, 4, "the index goes on meanwhile");
    await copy.finish();
  }
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const { objects, chunks, complete, buckets } = inspectCopy(path, CLUSTER);
  assert.deepEqual([objects, chunks, complete], [3, 3, true]);
  assert.deepEqual(Object.fromEntries(buckets), { b1: 3, b2: 0 });

  const place = makeSite(t);
  copyFileSync(path, place.path("index.sqlite"));
  const restored = await place.open();
  assert.deepEqual(await restored.get("b1", "a"), records[0]);
  assert.equal(await restored.get("b1", "d"), undefined);
  await restored.batch([put(sampleRecord("b1", "f"))]);
  assert.equal((await restored.verify(never)).objects, 4);
});

test("a copy is refused where something is, ends with its signal, and does not keep the index from closing", async (t) => {
  const site = makeSite(t);
  const index = await openSqliteIndex({ directory: site.directory, cluster: CLUSTER });
  await index.batch([createBucket("b1")]);
  await refuses(index.copyTo(site.path("index.sqlite"), never), "internal");
  const controller = new AbortController();
  {
    await using copy = await index.copyTo(site.path("one"), controller.signal);
    controller.abort(new Error("enough"));
    await assert.rejects(copy.finish(), /enough/);
  }
  await assert.rejects(index.copyTo(site.path("two"), controller.signal), /enough/);
  const copy = await index.copyTo(site.path("three"), never);
  await index[Symbol.asyncDispose]();
  await refuses(copy.finish(), "unavailable/closed");
  await copy[Symbol.asyncDispose]();
  await refuses(index.copyTo(site.path("four"), never), "unavailable/closed");
});

test("damage in a copy, and another cluster's, are found", async (t) => {
  const site = makeSite(t);
  const index = await site.open();
  await index.batch([createBucket("b1")]);
  await putKeys(index, "b1", ["a", "b"]);
  const path = site.path("copy.sqlite");
  {
    await using copy = await index.copyTo(path, never);
    await copy.finish();
  }
  assert.throws(() => inspectCopy(path, "cluster-b"), /belongs to another cluster/);
  const db = new DatabaseSync(path);
  db.exec("DELETE FROM objects WHERE place = (SELECT min(place) FROM objects)");
  db.close();
  assert.throws(() => inspectCopy(path, CLUSTER), /damaged/);
});

test("chunks of which no file is there are counted; garbage is not missed", async (t) => {
  const site = makeSite(t);
  const index = await site.open();
  await index.batch([createBucket("b1")]);
  const ids = ["00", "7f", "80", "fe", "ff"].map((byte) => byte + "1".repeat(30));
  const chunks = ids.map((id) => sampleChunk({ id, generation: 2, sizeBytes: 10 }));
  await index.batch([put(sampleRecord("b1", "k", { chunks, sizeBytes: 50 })), put(sampleRecord("b1", "gone"))]);
  await index.batch([remove("b1", "gone")]);
  const path = site.path("copy.sqlite");
  {
    await using copy = await index.copyTo(path, never);
    await copy.finish();
  }
  const there = (names: readonly string[]) => (prefix: string) =>
    new Set(names.filter((name) => name.startsWith(prefix)));
  const files = ids.map((id) => `${id}.2`);
  assert.deepEqual(findLostChunks(path, there(files)), { chunks: 0, sizeBytes: 0, objects: [] });
  const objects = [{ bucket: "b1", key: "k" }];
  assert.deepEqual(findLostChunks(path, there(files.slice(1, 4))), { chunks: 2, sizeBytes: 20, objects });
  assert.deepEqual(findLostChunks(path, there(ids.map((id) => `${id}.1`))), { chunks: 5, sizeBytes: 50, objects });
});
