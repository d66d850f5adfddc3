import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, type TestContext, test } from "node:test";
import type { ObjectRecord } from "../../../domain/objects.ts";
import { createBucket, put, putKeys, refuses, remove, sampleRecord } from "../samples.ts";
import { openDatabase, openReadOnly } from "./schema.ts";
import { CLUSTER, makeSite, type Site } from "./site.ts";
import { verifyIndex } from "./verify.ts";
import { IndexWriter } from "./writer.ts";

const OBJECTS = 2500;
const never = new AbortController().signal;

async function filled(t: TestContext): Promise<{ site: Site; records: readonly ObjectRecord[] }> {
  const site = makeSite(t);
  await using index = await site.open({ keepChanges: 2000 });
  await index.batch([createBucket("a"), createBucket("b"), createBucket("gone")]);
  const keys = Array.from({ length: OBJECTS }, (_, at) => `${at % 9}/${String(at).padStart(5, "0")}`);
  const records = await putKeys(index, "b", keys);
  await putKeys(index, "gone", ["k"]);
  await index.batch([remove("gone", "k"), { op: "drop-bucket", bucket: "gone" }, remove("b", keys[0] as string)]);
  return { site, records };
}

function edit(site: Site, sql: string): void {
  const db = new DatabaseSync(site.path("index.sqlite"));
  const { changes } = db.prepare(sql).run();
  assert.equal(changes, 1);
  db.close();
}

/** One flip at a time, wherever the text stands, old copies in free space included; how many are found. */
function flipEach(site: Site, text: string | Buffer): number {
  const path = site.path("index.sqlite");
  const sound = readFileSync(path);
  let found = 0;
  for (let at = sound.indexOf(text); at >= 0; at = sound.indexOf(text, at + 1)) {
    const bytes = Buffer.from(sound);
    bytes[at + 1] = (bytes[at + 1] as number) ^ 1;
    writeFileSync(path, bytes);
    const db = openReadOnly(path);
    try {
      verifyIndex(db);
    } catch (error) {
      assert.equal((error as { reason?: string }).reason, "corrupt");
      found += 1;
    }
    db.close();
  }
  writeFileSync(path, sound);
  return found;
}

describe("a verification of the object index", () => {
  test("says what it has seen of a sound index, also of an empty one", async (t) => {
    const empty = await makeSite(t).open();
    assert.deepEqual(await empty.verify(never), { objects: 0, chunks: 0, complete: true });
    const { site } = await filled(t);
    const index = await site.open();
    assert.deepEqual(await index.verify(never), { objects: OBJECTS - 1, chunks: OBJECTS + 1, complete: true });
  });

  test("finds rows that are lost, whatever reads say", async (t) => {
    const { site } = await filled(t);
    for (const [table, key] of [
      ["objects", "place"],
      ["chunks", "number"],
      ["changes", "cursor"],
      ["buckets", "number"],
    ]) {
      const copy = site.snapshot();
      edit(copy, `DELETE FROM ${table} WHERE ${key} = (SELECT ${key} FROM ${table} ORDER BY ${key} LIMIT 1 OFFSET 1)`);
      const index = await copy.open();
      await refuses(index.verify(never), "internal/corrupt");
    }
  });

  test("finds a flipped byte in what nobody reads", async (t) => {
    const { site, records } = await filled(t);
    const { etag, chunks } = records[1500] as ObjectRecord;
    assert.equal(flipEach(site, etag), 1);
    assert.equal(flipEach(site, Buffer.from(chunks[0]?.id as string, "hex")), 2, "in the table, and in its index");
  });

  test("is not misled by batches that are committed meanwhile", async (t) => {
    const { site } = await filled(t);
    const path = site.path("index.sqlite");
    const writes = openDatabase({ path, cluster: CLUSTER });
    const writer = new IndexWriter(writes, 100);
    const reads = openReadOnly(path);
    let states = 0;
    const between = {
      prepare: (sql: string) => reads.prepare(sql),
      exec: (sql: string) => {
        reads.exec(sql);
        if (sql !== "BEGIN") states += 1;
        const puts = Array.from({ length: 60 }, (_, at) => put(sampleRecord("b", `${at % 9}/new-${states}-${at}`)));
        writer.commit([[...puts, remove("b", `${states}/0000${states}`), createBucket(`bucket-${states}`)]]);
      },
    } as DatabaseSync;
    assert.equal(verifyIndex(between, 0).complete, false);
    assert.ok(states > 6, `${states} states`);
    reads.close();
    writes.close();
  });

  test("ends when it is aborted, and when the index is closed", async (t) => {
    const { site } = await filled(t);
    const index = await site.open();
    const stop = new AbortController();
    const reason = new Error("enough");
    const aborted = assert.rejects(index.verify(stop.signal), reason);
    await refuses(index.verify(never), "exhausted/overload");
    stop.abort(reason);
    await aborted;
    await assert.rejects(index.verify(stop.signal), reason);
    assert.equal((await index.verify(never)).complete, true, "and it can be done again");
    const closed = refuses(index.verify(never), "unavailable/closed");
    await index[Symbol.asyncDispose]();
    await closed;
    await refuses(index.verify(never), "unavailable/closed");
    assert.equal(index.failure, undefined);
  });
});
