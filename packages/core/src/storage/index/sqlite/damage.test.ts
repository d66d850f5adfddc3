import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { ObjectPage, ObjectRecord } from "../../../domain/objects.ts";
import { createBucket, put, putKeys, refuses, remove, sampleChunk, sampleRecord, TIER_FULL } from "../samples.ts";
import { toWire } from "./faults.ts";
import { IndexReader } from "./reader.ts";
import { openDatabase, openReadOnly } from "./schema.ts";
import { CLUSTER, makeSite, type Site } from "./site.ts";

const FLIPS = TIER_FULL ? 2000 : 150;

function flip(path: string, at: number, mask = 1): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ mask;
  writeFileSync(path, bytes);
}

/** Where `text` stands in the file. SQLite leaves old copies behind when it moves rows, so it may be in several places. */
function placesOf(path: string, text: string | Buffer): number[] {
  const bytes = readFileSync(path);
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) places.push(at);
  assert.ok(places.length > 0, `${text} is not in the file`);
  return places;
}

/** The same in each run, so that the file is, byte by byte. */
function digits(seed: string, count: number): string {
  return createHash("sha256").update(seed).digest("hex").slice(0, count);
}

function fixedRecord(bucket: string, key: string): ObjectRecord {
  const chunks = [sampleChunk({ id: digits(`chunk of ${bucket} ${key}`, 32) })];
  return sampleRecord(bucket, key, { version: digits(key, 26), etag: digits(`etag of ${key}`, 32), chunks });
}

async function filled(t: TestContext): Promise<{ site: Site; records: ObjectRecord[] }> {
  const site = makeSite(t);
  await using index = await site.open();
  await index.batch([createBucket("bucket-one"), createBucket("bucket-two")]);
  const keys = Array.from({ length: 300 }, (_, at) => `folder-${at % 17}/key-${String(at).padStart(4, "0")}`);
  const records = keys.map((key) => fixedRecord("bucket-two", key));
  await index.batch([put(fixedRecord("bucket-one", "single")), ...records.map((record) => put(record))]);
  return { site, records };
}

/** The answer, or the id of the error. */
function answerOf(path: string, ask: (reader: IndexReader) => unknown): unknown {
  return answersOf(path, [ask])[0];
}

function answersOf(path: string, asks: readonly ((reader: IndexReader) => unknown)[]): unknown[] {
  const db = openReadOnly(path);
  try {
    const reader = new IndexReader(db);
    return asks.map((ask) => {
      try {
        return ask(reader);
      } catch (error) {
        return toWire(error).id;
      }
    });
  } finally {
    db.close();
  }
}

/** Every question that can be asked of it. */
function askAll(path: string, records: readonly ObjectRecord[]): unknown[] {
  return answersOf(path, [
    ...["bucket-one", "bucket-two"].flatMap((bucket) => [
      (reader: IndexReader) => reader.list({ bucket }),
      (reader: IndexReader) => reader.list({ bucket, prefix: "folder-14/" }),
      (reader: IndexReader) => reader.list({ bucket, delimiter: "/" }),
      (reader: IndexReader) => reader.totals(bucket),
    ]),
    ...records.map(
      ({ bucket, key }) =>
        (reader: IndexReader) =>
          reader.get(bucket, key),
    ),
    ...records.slice(0, 100).map(
      ({ chunks }) =>
        (reader: IndexReader) =>
          reader.chunk(chunks[0]?.id as string),
    ),
    (reader) => reader.chunks("", 1000),
    (reader) => reader.get("bucket-two", "not there"),
    (reader) => reader.totals(),
    (reader) => reader.changes(0, 1000),
    (reader) => reader.garbage(1000),
  ]);
}

describe("damage to the object index", () => {
  test("a flipped byte in a record is found when it is read", async (t) => {
    const { site, records } = await filled(t);
    const record = records[150] as ObjectRecord;
    const chunk = record.chunks[0]?.id as string;
    const get = (reader: IndexReader): unknown => reader.get("bucket-two", record.key);
    const cases: [what: string, text: string | Buffer, ask: (reader: IndexReader) => unknown][] = [
      ["key, got", record.key, get],
      ["key, listed", record.key, (reader) => reader.list({ bucket: "bucket-two", prefix: "folder-14/" })],
      ["key of a change", record.key, (reader) => reader.changes(0, 1000)],
      ["etag", record.etag, get],
      ["version", record.version, get],
      ["bucket", "bucket-two", get],
      ["chunk of an object", Buffer.from(chunk, "hex"), get],
      ["chunk", Buffer.from(chunk, "hex"), (reader) => reader.chunk(chunk)],
      ["replicas", '["disk-a"', (reader) => reader.chunks("", 1000)],
    ];
    const path = site.path("index.sqlite");
    for (const [what, text, ask] of cases) {
      const right = answerOf(path, ask);
      const answers = placesOf(path, text).map((at) => {
        flip(path, at + 2);
        const answer = answerOf(path, ask);
        flip(path, at + 2);
        return answer;
      });
      assert.ok(answers.includes("internal/corrupt"), what);
      for (const answer of answers) if (answer !== "internal/corrupt") assert.deepEqual(answer, right, what);
    }
  });

  test("a flipped bit anywhere never gives another answer", async (t) => {
    const { site, records } = await filled(t);
    const right = askAll(site.path("index.sqlite"), records);
    const sound = readFileSync(site.path("index.sqlite"));
    const copy = makeSite(t);
    const path = copy.path("index.sqlite");
    const counts = { refusedAtStart: 0, refusedAtRead: 0, noDifference: 0 };
    for (let round = 0; round < FLIPS; round += 1) {
      for (const name of ["index.sqlite-wal", "index.sqlite-shm"]) rmSync(copy.path(name), { force: true });
      const bytes = Buffer.from(sound);
      const at = place(bytes.length, round);
      bytes[at] = (bytes[at] as number) ^ (1 << (round % 8));
      writeFileSync(path, bytes);
      let answers: unknown[];
      try {
        openDatabase({ path, cluster: CLUSTER }).close();
        answers = askAll(path, records);
      } catch (error) {
        assert.equal(toWire(error).id, "internal/corrupt", `byte ${at}`);
        counts.refusedAtStart += 1;
        continue;
      }
      const wrong = answers.filter(
        (answer, ask) => typeof answer !== "string" && !isDeepStrictEqual(answer, right[ask]),
      );
      assert.deepEqual(wrong, [], `byte ${at}, bit ${round % 8}`);
      counts[answers.some((answer) => typeof answer === "string") ? "refusedAtRead" : "noDifference"] += 1;
    }
    t.diagnostic(`${FLIPS} flips: ${JSON.stringify(counts)}`);
    assert.ok(counts.refusedAtRead > FLIPS / 10);
  });

  test("a listing does not read what lies under a common prefix", async (t) => {
    const { site, records } = await filled(t);
    const path = site.path("index.sqlite");
    for (const at of placesOf(path, records[150]?.etag as string)) flip(path, at);
    const list = (options: object) => answerOf(path, (reader) => reader.list({ bucket: "bucket-two", ...options }));
    assert.equal(list({}), "internal/corrupt");
    assert.equal((list({ delimiter: "/" }) as ObjectPage).prefixes.length, 17);
    assert.equal((list({ delimiter: "/", prefix: "folder-" }) as ObjectPage).prefixes.length, 17);
  });

  test("a batch that meets a damaged record is refused, its neighbours are done", async (t) => {
    const { site, records } = await filled(t);
    const record = records[150] as ObjectRecord;
    for (const at of placesOf(site.path("index.sqlite"), record.etag)) flip(site.path("index.sqlite"), at);
    const index = await site.open();
    const [overwrite, other] = [
      refuses(index.batch([put({ ...record, chunks: [] })]), "internal/corrupt"),
      index.batch([remove("bucket-two", records[0]?.key as string)]),
    ];
    await overwrite;
    await other;
    assert.equal((await index.totals("bucket-two")).objects, 299);
  });

  test("a log that ends before what was acknowledged is refused and left as it is", async (t) => {
    const site = makeSite(t);
    const index = await site.open();
    await index.batch([createBucket("b")]);
    for (let round = 0; round < 30; round += 1) await putKeys(index, "b", [`k-${round}`]);
    const log = readFileSync(site.path("index.sqlite-wal"));
    for (const share of [0.001, 0.3, 0.6, 0.9]) {
      const copy = site.snapshot();
      flip(copy.path("index.sqlite-wal"), Math.floor(log.length * share));
      await refusedUntouched(copy);
    }
    const cut = site.snapshot();
    writeFileSync(cut.path("index.sqlite-wal"), log.subarray(0, log.length - 5000));
    await refusedUntouched(cut);
    const gone = site.snapshot();
    rmSync(gone.path("index.sqlite-wal"));
    await refuses(gone.open(), "internal/corrupt");
    const sound = await site.snapshot().open();
    assert.equal((await sound.totals()).objects, 30);
  });

  test("a mark that is damaged is refused, one that is missing is made anew", async (t) => {
    const { site } = await filled(t);
    flip(site.path("index.mark"), 9);
    await refuses(site.open(), "internal/corrupt");
    rmSync(site.path("index.mark"));
    const index = await site.open();
    assert.equal((await index.totals()).objects, 301);
    assert.equal(readFileSync(site.path("index.mark")).length, 24);
  });
});

/** Spread over the file, the same in each run, so that a failure can be seen again. */
function place(length: number, round: number): number {
  return Math.floor(length * ((0.5 + round * 0.618_033_988_749_895) % 1));
}

async function refusedUntouched(site: Site): Promise<void> {
  const read = (): Buffer[] =>
    ["index.sqlite", "index.sqlite-wal", "index.mark"].map((name) => readFileSync(site.path(name)));
  const before = read();
  await refuses(site.open(), "internal/corrupt");
  assert.deepEqual(read(), before);
}
