/** Chunks, garbage and the cursor of changes by example. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import type { ObjectIndex } from "../../domain/objects.ts";
import {
  createBucket,
  type OpenContractIndex,
  put,
  putKeys,
  refuses,
  remove,
  sampleChunk,
  sampleRecord,
} from "./samples.ts";

type Get = () => ObjectIndex;
type Fresh = () => Promise<string>;

export function describeChunks(get: Get, fresh: Fresh): void {
  const total = async (bucket: string): Promise<number[]> => {
    const { objects, sizeBytes, garbageChunks } = await get().totals(bucket);
    return [objects, sizeBytes, garbageChunks];
  };

  test("what a put or a delete replaces becomes garbage, the oldest first, until it is forgotten", async () => {
    const bucket = await fresh();
    const versions = [2, 1, 0, 1].map((count) =>
      sampleRecord(bucket, "k", { sizeBytes: count * 10, chunks: Array.from({ length: count }, () => sampleChunk()) }),
    );
    const ids = versions.flatMap((version) => version.chunks).map((chunk) => chunk.id);
    for (const version of versions) await get().batch([put(version)]);
    assert.deepEqual(await total(bucket), [1, 10, 3]);
    await get().batch([remove(bucket, "k")]);
    assert.deepEqual(await total(bucket), [0, 0, 4]);
    const garbage = (await get().garbage(1000)).filter((chunk) => ids.includes(chunk.id));
    assert.deepEqual(
      garbage,
      versions.flatMap((version) => version.chunks),
    );
    assert.equal((await get().chunk(ids[0] as string))?.referenced, false);
    await get().batch([{ op: "forget-garbage", chunks: [ids[1], ids[0], "f".repeat(32)] as string[] }]);
    assert.deepEqual(await total(bucket), [0, 0, 2]);
    assert.equal(await get().chunk(ids[0] as string), undefined);
    assert.equal((await get().garbage(1)).length, 1);
  });

  test("a chunk leads to the object that has it, until that goes", async () => {
    const bucket = await fresh();
    const other = await fresh();
    const long = sampleRecord(bucket, "long", { sizeBytes: 30, chunks: [1, 2, 3].map(() => sampleChunk()) });
    const [before, after] = [await putKeys(get(), other, ["long"]), await putKeys(get(), bucket, ["a", "z"])];
    await get().batch([put(long)]);
    for (const record of [long, ...before, ...after]) {
      const place = { bucket: record.bucket, key: record.key };
      for (const { id } of record.chunks) assert.deepEqual(await get().objectOf(id), place);
    }
    await get().batch([remove(bucket, "long")]);
    assert.equal(await get().objectOf(long.chunks[1]?.id as string), undefined);
    assert.equal(await get().objectOf("f".repeat(32)), undefined);
  });

  test("a referenced chunk is never forgotten", async () => {
    const bucket = await fresh();
    const [record] = await putKeys(get(), bucket, ["k"]);
    await get().batch([{ op: "forget-garbage", chunks: [record?.chunks[0]?.id as string] }]);
    assert.deepEqual(await get().get(bucket, "k"), record);
  });

  test("replicas change only under the chunk's own generation, and not in the garbage", async () => {
    const bucket = await fresh();
    const record = sampleRecord(bucket, "k", { chunks: [sampleChunk({ generation: 4 })] });
    const chunk = record.chunks[0]?.id as string;
    await get().batch([put(record)]);
    const set = (generation: number, ...replicas: string[]): Promise<void> =>
      get().batch([{ op: "set-replicas", chunk, generation, replicas }]);
    await set(3, "disk-x");
    assert.deepEqual(await get().get(bucket, "k"), record);
    await set(4, "disk-c", "disk-d");
    assert.deepEqual((await get().get(bucket, "k"))?.chunks[0]?.replicas, ["disk-c", "disk-d"]);
    assert.deepEqual((await get().chunk(chunk))?.replicas, ["disk-c", "disk-d"]);
    await get().batch([remove(bucket, "k")]);
    await set(4, "disk-e");
    assert.deepEqual((await get().chunk(chunk))?.replicas, ["disk-c", "disk-d"]);
    await get().batch([{ op: "set-replicas", chunk: "e".repeat(32), generation: 1, replicas: [] }]);
  });

  test("a chunk id is never used again", async () => {
    const bucket = await fresh();
    const [record] = await putKeys(get(), bucket, ["k"]);
    const chunks = record?.chunks ?? [];
    await refuses(get().batch([put(sampleRecord(bucket, "other", { chunks }))]), "conflict/exists");
    await refuses(get().batch([put(sampleRecord(bucket, "k", { chunks }))]), "conflict/exists");
    const twice = sampleChunk();
    await refuses(get().batch([put(sampleRecord(bucket, "two", { chunks: [twice, twice] }))]), "conflict/exists");
    assert.deepEqual(await get().get(bucket, "k"), record);
    assert.equal(await get().chunk(twice.id), undefined);
  });

  test("chunks come in the order of their ids, page by page", async () => {
    const bucket = await fresh();
    const records = await putKeys(get(), bucket, ["a", "b", "c", "d", "e"]);
    await get().batch([remove(bucket, "c")]);
    for (const limit of [1, 2, 1000]) {
      const seen: { id: string; referenced: boolean }[] = [];
      for (let page = await get().chunks("", limit); page.length > 0; ) {
        seen.push(...page);
        page = await get().chunks(page.at(-1)?.id as string, limit);
      }
      assert.deepEqual(
        seen.map((chunk) => chunk.id),
        seen.map((chunk) => chunk.id).sort(),
      );
      for (const record of records) {
        const found = seen.find((chunk) => chunk.id === record.chunks[0]?.id);
        assert.deepEqual(found, { ...record.chunks[0], referenced: record.key !== "c" });
      }
    }
    await refuses(get().chunks("zz", 10), "invalid");
    await refuses(get().chunks("", LIMITS.objects.maxPageEntries + 1), "invalid/too-large");
    await refuses(get().garbage(0), "invalid");
  });
}

export function describeChanges(open: OpenContractIndex): void {
  test("changes follow the cursor without gaps, and are trimmed", async () => {
    const { index, dispose } = await open({ keepChanges: 5 });
    try {
      assert.deepEqual(await index.changes(0, 10), []);
      await index.batch([createBucket("b")]);
      const [a, b] = await putKeys(index, "b", ["a", "b"]);
      await refuses(index.batch([put(sampleRecord("b", "c")), put(sampleRecord("none", "c"))]), "not_found");
      await index.batch([remove("b", "a"), remove("b", "never there")]);
      const all = [
        { cursor: 1, type: "put", bucket: "b", key: "a", version: a?.version },
        { cursor: 2, type: "put", bucket: "b", key: "b", version: b?.version },
        { cursor: 3, type: "delete", bucket: "b", key: "a", version: a?.version },
      ];
      assert.deepEqual(await index.changes(0, 10), all);
      assert.deepEqual(await index.changes(1, 1), all.slice(1, 2));
      assert.deepEqual(await index.changes(3, 10), []);
      await refuses(index.changes(4, 10), "conflict/compacted");
      await refuses(index.changes(-1, 10), "invalid");
      await putKeys(index, "b", ["d", "e", "f"]);
      await refuses(index.changes(0, 10), "conflict/compacted");
      assert.deepEqual(
        (await index.changes(1, 10)).map((change) => change.cursor),
        [2, 3, 4, 5, 6],
      );
    } finally {
      await dispose();
    }
  });
}
