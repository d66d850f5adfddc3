/** What every driver of the object index keeps. Run by the tests of each driver. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import type { ChunkRef, ObjectCondition, ObjectIndex } from "../../domain/objects.ts";
import { describeChanges, describeChunks } from "./contract-chunks.ts";
import { describeListings } from "./contract-listing.ts";
import { describeProperties } from "./contract-property.ts";
import {
  type ContractIndex,
  createBucket,
  dropBucket,
  type OpenContractIndex,
  put,
  putKeys,
  refusal,
  refuses,
  remove,
  sampleChunk,
  sampleRecord,
} from "./samples.ts";

export function describeObjectIndex(driver: string, open: OpenContractIndex): void {
  describe(`object index, ${driver}`, () => {
    let opened: ContractIndex;
    let index: ObjectIndex;
    let bucket: string;
    let buckets = 0;
    const fresh = async (): Promise<string> => {
      bucket = `bucket-${buckets++}`;
      await index.batch([createBucket(bucket)]);
      return bucket;
    };
    before(async () => {
      opened = await open();
      index = opened.index;
    });
    after(() => opened.dispose());

    describeObjects(() => index, fresh);
    describeBatches(() => index, fresh);
    describeChunks(() => index, fresh);
    describeChanges(open);
    describeListings(() => index, fresh);
    describeProperties(() => index);

    test("what a closed index is asked is refused", async () => {
      const closing = await open();
      await closing.dispose();
      await refuses(closing.index.batch([createBucket("b")]), "unavailable/closed");
      await refuses(closing.index.get("b", "k"), "unavailable/closed");
    });
  });
}

type Get = () => ObjectIndex;
type Fresh = () => Promise<string>;

function describeObjects(get: Get, fresh: Fresh): void {
  test("an object is read as it was put", async () => {
    const bucket = await fresh();
    const record = sampleRecord(bucket, "folder/\u0000\u{1F600} \u2028.txt", {
      sizeBytes: LIMITS.objects.maxObjectBytes,
      metadata: { quote: '"', snowman: "\u2603" },
      chunks: [sampleChunk({ generation: 3, sizeBytes: 0, replicas: [] }), sampleChunk(), sampleChunk()],
    });
    await get().batch([put(record)]);
    assert.deepEqual(await get().get(bucket, record.key), record);
    assert.equal(await get().get(bucket, "folder/"), undefined);
    assert.equal(await get().get("no-bucket", record.key), undefined);
  });

  test("what was acknowledged is read at once", async () => {
    const bucket = await fresh();
    for (let round = 0; round < 100; round += 1) {
      const record = sampleRecord(bucket, "k");
      await get().batch([put(record)]);
      assert.equal((await get().get(bucket, "k"))?.version, record.version, `round ${round}`);
    }
  });

  test("changing what came back changes nothing in the index", async () => {
    const bucket = await fresh();
    await putKeys(get(), bucket, ["k"]);
    const first = (await get().get(bucket, "k")) as { metadata: object; chunks: readonly ChunkRef[] };
    Object.assign(first.metadata, { colour: "red" });
    for (const chunk of first.chunks) Object.assign(chunk.replicas, ["disk-x"]);
    assert.deepEqual((await get().get(bucket, "k"))?.metadata, { colour: "blue" });
    assert.equal((await get().get(bucket, "k"))?.chunks[0]?.replicas[0], "disk-a");
  });

  test("preconditions are judged by the newest version", async () => {
    const bucket = await fresh();
    const cases: [ObjectCondition, there: boolean, missing: boolean][] = [
      [{ ifMatch: "*" }, true, false],
      [{ ifMatch: ["aa"] }, true, false],
      [{ ifMatch: ["bb", "aa"] }, true, false],
      [{ ifMatch: ["bb"] }, false, false],
      [{ ifMatch: [] }, false, false],
      [{ ifNoneMatch: "*" }, false, true],
      [{ ifNoneMatch: ["aa"] }, false, true],
      [{ ifNoneMatch: ["bb"] }, true, true],
      [{ ifNoneMatch: [] }, true, true],
      [{ ifMatch: ["aa"], ifNoneMatch: ["bb"] }, true, false],
      [{ ifMatch: ["aa"], ifNoneMatch: ["aa"] }, false, false],
      [{ ifMatch: "*", ifNoneMatch: "*" }, false, false],
    ];
    for (const [condition, there, missing] of cases) {
      const what = JSON.stringify(condition);
      const expected = (holds: boolean): string | undefined => (holds ? undefined : "conflict/precondition");
      await get().batch([remove(bucket, "k")]);
      assert.equal(await refusal(get().batch([remove(bucket, "k", condition)])), expected(missing), `delete ${what}`);
      const record = sampleRecord(bucket, "k", { etag: "aa" });
      assert.equal(await refusal(get().batch([put(record, condition)])), expected(missing), `first put ${what}`);
      await get().batch([put(sampleRecord(bucket, "k", { etag: "aa" }))]);
      assert.equal(await refusal(get().batch([remove(bucket, "k", condition)])), expected(there), `delete ${what}`);
      await get().batch([put(sampleRecord(bucket, "k", { etag: "aa" }))]);
      const next = sampleRecord(bucket, "k", { etag: "bb" });
      assert.equal(await refusal(get().batch([put(next, condition)])), expected(there), `put ${what}`);
      assert.equal((await get().get(bucket, "k"))?.etag, there ? "bb" : "aa", what);
    }
  });

  test("of many who create the same key, one succeeds", async () => {
    const bucket = await fresh();
    const records = Array.from({ length: 50 }, () => sampleRecord(bucket, "k"));
    const answers = await Promise.all(records.map((r) => refusal(get().batch([put(r, { ifNoneMatch: "*" })]))));
    const winners = records.filter((_, at) => answers[at] === undefined);
    assert.equal(winners.length, 1);
    assert.deepEqual(await get().get(bucket, "k"), winners[0]);
    assert.equal((await get().totals(bucket)).objects, 1);
  });
}

function describeBatches(get: Get, fresh: Fresh): void {
  test("a put needs its bucket", async () => {
    await refuses(get().batch([put(sampleRecord("no-bucket", "k"))]), "not_found");
    assert.equal(await refusal(get().batch([remove("no-bucket", "k")])), undefined);
  });

  test("a bucket is dropped only when it is empty", async () => {
    const bucket = await fresh();
    await putKeys(get(), bucket, ["k"]);
    await get().batch([createBucket(bucket)]);
    assert.equal((await get().totals(bucket)).objects, 1, "making it again changes nothing");
    await refuses(get().batch([dropBucket(bucket)]), "conflict/not-empty");
    await get().batch([remove(bucket, "k"), dropBucket(bucket)]);
    assert.deepEqual(await get().totals(bucket), { buckets: 0, objects: 0, sizeBytes: 0, garbageChunks: 0 });
    await refuses(get().batch([put(sampleRecord(bucket, "k"))]), "not_found");
    await get().batch([dropBucket(bucket)]);
    await get().batch([createBucket(bucket), put(sampleRecord(bucket, "k"))]);
    assert.deepEqual(await get().totals(bucket), { buckets: 1, objects: 1, sizeBytes: 7, garbageChunks: 0 });
  });

  test("a batch is all or nothing", async () => {
    const bucket = await fresh();
    const [kept] = await putKeys(get(), bucket, ["kept"]);
    const before = await Promise.all([get().totals(), get().totals(bucket), get().garbage(1000)]);
    const chunk = kept?.chunks[0]?.id as string;
    const refused = get().batch([
      createBucket("never"),
      put(sampleRecord(bucket, "new")),
      put(sampleRecord(bucket, "kept")),
      { op: "forget-garbage", chunks: [chunk] },
      remove(bucket, "new"),
      put(sampleRecord(bucket, "last"), { ifMatch: "*" }),
    ]);
    await refuses(refused, "conflict/precondition");
    assert.deepEqual(await Promise.all([get().totals(), get().totals(bucket), get().garbage(1000)]), before);
    assert.deepEqual(await get().get(bucket, "kept"), kept);
    assert.equal((await get().chunk(chunk))?.referenced, true);
    assert.equal((await get().totals("never")).buckets, 0);
  });

  test("a refused batch does not touch its neighbours", async () => {
    const bucket = await fresh();
    const calls = Array.from({ length: 60 }, (_, at) => {
      const ops = [put(sampleRecord(bucket, `a-${at}`)), put(sampleRecord(bucket, `b-${at}`))];
      if (at % 3 === 0) ops.push(put(sampleRecord(bucket, "c"), { ifMatch: "*" }));
      if (at % 7 === 0) ops.push(put(sampleRecord("no-bucket", "c")));
      return refusal(get().batch(ops));
    });
    const answers = await Promise.all(calls);
    for (const [at, answer] of answers.entries()) {
      const expected = at % 3 === 0 ? "conflict/precondition" : at % 7 === 0 ? "not_found" : undefined;
      assert.equal(answer, expected);
      assert.equal((await get().get(bucket, `a-${at}`)) !== undefined, expected === undefined);
      assert.equal((await get().get(bucket, `b-${at}`)) !== undefined, expected === undefined);
    }
    assert.equal((await get().totals(bucket)).objects, answers.filter((answer) => answer === undefined).length * 2);
  });

  test("a wrong shape is refused and leaves nothing", async () => {
    const bucket = await fresh();
    const wrong = [
      put(sampleRecord(bucket, "half of a pair \ud83d")),
      put(sampleRecord(bucket, "")),
      put(sampleRecord(bucket, "k".repeat(LIMITS.objects.maxKeyBytes + 1))),
      put(sampleRecord(bucket, "k", { sizeBytes: -1 })),
      put(sampleRecord(bucket, "k", { sizeBytes: Number.NaN })),
      put(sampleRecord(bucket, "k", { chunks: [sampleChunk({ id: "not hex" })] })),
      put(sampleRecord(bucket, "k", { chunks: [sampleChunk({ digest: "1234567" })] })),
      remove(bucket, "half of a pair \udc00"),
      { op: "forget-garbage", chunks: ["short"] } as const,
      { op: "no-such" } as never,
    ];
    for (const op of wrong) await refuses(get().batch([put(sampleRecord(bucket, "first")), op]), "invalid");
    const many = Array.from({ length: LIMITS.index.maxBatchOps + 1 }, () => remove(bucket, "k"));
    await refuses(get().batch(many), "invalid/too-large");
    assert.equal((await get().totals(bucket)).objects, 0);
    await get().batch([]);
  });
}
