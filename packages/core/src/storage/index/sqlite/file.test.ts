import assert from "node:assert/strict";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { LIMITS } from "../../../domain/limits.ts";
import { createCollectingMetrics } from "../../../testing/sim-telemetry.ts";
import { createBucket, put, putKeys, refusal, refuses, remove, sampleRecord } from "../samples.ts";
import { openDatabase } from "./schema.ts";
import { CLUSTER, makeSite, type Site } from "./site.ts";

async function fill(site: Site, keys = ["a", "b/1", "b/2"]): Promise<void> {
  await using index = await site.open();
  await index.batch([createBucket("b")]);
  await putKeys(index, "b", keys);
}

function edit(site: Site, sql: string, ...values: (string | number)[]): void {
  const db = new DatabaseSync(site.path("index.sqlite"));
  db.prepare(sql).run(...values);
  db.close();
}

describe("the file of the object index", () => {
  test("all that was put is there after a restart", async (t) => {
    const site = makeSite(t);
    const before = await site.open();
    await before.batch([createBucket("b")]);
    const [first, second] = await putKeys(before, "b", ["first", "second"]);
    await before.batch([remove("b", "first")]);
    await before[Symbol.asyncDispose]();
    const index = await site.open();
    assert.equal(await index.get("b", "first"), undefined);
    assert.deepEqual(await index.get("b", "second"), second);
    assert.deepEqual(await index.garbage(10), first?.chunks);
    assert.deepEqual(await index.totals(), { buckets: 1, objects: 1, sizeBytes: 7, garbageChunks: 1 });
    await putKeys(index, "b", ["third"]);
    assert.deepEqual(
      (await index.changes(0, 10)).map(({ cursor, key }) => [cursor, key]),
      [
        [1, "first"],
        [2, "second"],
        [3, "first"],
        [4, "third"],
      ],
    );
  });

  test("a batch whose precondition does not hold leaves no trace in the file", async (t) => {
    const site = makeSite(t);
    const index = await site.open();
    await index.batch([createBucket("b")]);
    const [record] = await putKeys(index, "b", ["k"]);
    const over = put(sampleRecord("b", "k"), { ifNoneMatch: "*" });
    await refuses(index.batch([put(sampleRecord("b", "other")), over]), "conflict/precondition");
    await refuses(index.batch([remove("b", "k", { ifMatch: ["another"] })]), "conflict/precondition");
    await index[Symbol.asyncDispose]();
    const again = await site.open();
    assert.deepEqual(await again.get("b", "k"), record);
    assert.deepEqual(await again.totals(), { buckets: 1, objects: 1, sizeBytes: 7, garbageChunks: 0 });
  });

  test("a commit waits for the log to be on the disk", (t) => {
    const site = makeSite(t);
    const db = openDatabase({ path: site.path("index.sqlite"), cluster: CLUSTER });
    assert.deepEqual({ ...db.prepare("PRAGMA synchronous").get() }, { synchronous: 2 });
    assert.deepEqual({ ...db.prepare("PRAGMA journal_mode").get() }, { journal_mode: "wal" });
    db.close();
    const again = openDatabase({ path: site.path("index.sqlite"), cluster: CLUSTER });
    assert.deepEqual({ ...again.prepare("PRAGMA synchronous").get() }, { synchronous: 2 });
    again.close();
  });

  test("nobody else may read the files", async (t) => {
    const site = makeSite(t);
    const directory = site.path("deep/index");
    const index = await site.open({ directory });
    await index.batch([createBucket("b")]);
    const modes = ["", "/index.sqlite", "/index.sqlite-wal", "/index.sqlite-shm", "/index.mark"].map(
      (name) => statSync(directory + name).mode & 0o777,
    );
    assert.deepEqual(modes, [0o700, 0o600, 0o600, 0o600, 0o600]);
  });

  test("the index of another cluster is refused", async (t) => {
    const site = makeSite(t);
    await fill(site);
    await refuses(site.open({ cluster: "cluster-b" }), "conflict");
    assert.equal((await (await site.open()).totals()).objects, 3);
  });

  test("the index of a newer version is refused", async (t) => {
    const site = makeSite(t);
    await fill(site);
    edit(site, "UPDATE meta SET version = 2, crc = ?", crc32c(`2 ${CLUSTER}`));
    await refuses(site.open(), "unsupported/version");
  });

  test("what is not an index is refused and left as it is", async (t) => {
    const site = makeSite(t);
    for (const content of ["hello".repeat(1000), "SQLite format 3\0but then nothing of it"]) {
      writeFileSync(site.path("index.sqlite"), content);
      await refuses(site.open(), "internal/corrupt");
      assert.equal(readFileSync(site.path("index.sqlite"), "utf8"), content);
    }
    rmSync(site.path("index.sqlite"));
    edit(site, "CREATE TABLE other (x)");
    await refuses(site.open(), "internal/corrupt");
  });

  test("an index whose making was interrupted is made anew, one that is gone is missed", async (t) => {
    const site = makeSite(t);
    writeFileSync(site.path("index.sqlite"), "");
    await fill(site);
    rmSync(site.path("index.sqlite"));
    await refuses(site.open(), "internal/corrupt");
    writeFileSync(site.path("index.sqlite"), "");
    await refuses(site.open(), "internal/corrupt");
  });

  test("more batches than may wait are refused, those that wait are done", async (t) => {
    const site = makeSite(t);
    const metrics = createCollectingMetrics();
    const index = await site.open({ metrics });
    await index.batch([createBucket("b")]);
    const calls = Array.from({ length: LIMITS.index.maxPendingBatches + 10 }, (_, at) =>
      refusal(index.batch([put(sampleRecord("b", `k-${at}`, { chunks: [] }))])),
    );
    assert.equal(metrics.value("skerry_index_pending_batches"), LIMITS.index.maxPendingBatches);
    const answers = await Promise.all(calls);
    assert.equal(answers.filter((answer) => answer === "exhausted/overload").length, 10);
    assert.equal((await index.totals()).objects, LIMITS.index.maxPendingBatches);
    const reads = await Promise.all(
      Array.from({ length: LIMITS.index.maxPendingReads + 3 }, () => refusal(index.get("b", "k-0"))),
    );
    assert.equal(reads.filter((answer) => answer === "exhausted/overload").length, 3);
    const commits = metrics.value("skerry_index_commit_seconds");
    const fewest = 1 + LIMITS.index.maxPendingBatches / LIMITS.index.maxGroupCommit;
    t.diagnostic(`${LIMITS.index.maxPendingBatches} batches took ${commits} commits`);
    assert.ok(commits >= fewest && commits < 4 * fewest, `${commits} commits`);
  });

  test("closing answers what waits", async (t) => {
    const site = makeSite(t);
    const index = await site.open();
    const calls = [
      index.batch([createBucket("b")]),
      ...Array.from({ length: 600 }, (_, at) => putKeys(index, "b", [`${at}`])),
    ];
    await index[Symbol.asyncDispose]();
    await Promise.all(calls);
    assert.equal((await (await site.open()).totals()).objects, 600);
  });

  test("with many objects a page shows what it should", async (t) => {
    const site = makeSite(t);
    const index = await site.open();
    await index.batch([createBucket("b"), createBucket("c")]);
    const keys = Array.from({ length: 20_000 }, (_, at) => `${at % 20}/${String(at).padStart(6, "0")}`);
    await putKeys(index, "b", keys);
    await putKeys(index, "c", ["other"]);
    assert.equal((await index.list({ bucket: "b", delimiter: "/" })).prefixes.length, 20);
    const seen: string[] = [];
    for (let after: string | undefined = ""; after !== undefined; ) {
      const page = await index.list({ bucket: "b", after });
      seen.push(...page.objects.map((object) => object.key));
      after = page.next;
    }
    assert.deepEqual(seen, keys.sort());
  });
});
