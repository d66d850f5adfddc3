/** Whatever happens to database and WAL: all acknowledged data is there, or the store refuses and touches nothing. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { isError } from "../../../domain/errors.ts";
import { createFakeClock } from "../../../testing/fake-clock.ts";
import { createSimRandom } from "../../../testing/sim-random.ts";
import { createCollectingLogger } from "../../../testing/sim-telemetry.ts";
import { always, put, rejects } from "../../contract-site.ts";
import { EMPTY_SNAPSHOT, newHeader } from "../../log.ts";
import { Database } from "./database.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite.ts";
import { findMark, rowSum, type StoredLog, verifyDatabase } from "./verify.ts";
import { findWalDamage } from "./wal-check.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const WORLD = { clock: createFakeClock(), random: createSimRandom(1) };
const FRESH = { header: newHeader("store", "2026-01-01T00:00:00.000Z"), snapshot: JSON.stringify(EMPTY_SNAPSHOT) };
const FILES = ["", "-wal", ".mark"] as const;
type Files = Partial<Record<(typeof FILES)[number], Buffer>>;

class Place {
  readonly directory = mkdtempSync(join(tmpdir(), "skerry-damage-"));
  readonly path = join(this.directory, "store.db");

  set(files: Files): void {
    for (const name of readdirSync(this.directory)) rmSync(join(this.directory, name), { recursive: true });
    for (const suffix of FILES) if (files[suffix]) writeFileSync(this.path + suffix, files[suffix], { mode: 0o600 });
  }

  read(): Files {
    const names = readdirSync(this.directory);
    const read = FILES.filter((suffix) => names.includes(`store.db${suffix}`));
    return Object.fromEntries(read.map((suffix) => [suffix, readFileSync(this.path + suffix)]));
  }

  open(more: Partial<SqliteStoreOptions> = {}) {
    return openSqliteStore({ path: this.path, ...WORLD, ...more });
  }
}

function newPlace(t: { after(done: () => void): void }): Place {
  const place = new Place();
  t.after(() => rmSync(place.directory, { recursive: true, force: true }));
  return place;
}

interface Written {
  readonly files: Files;
  readonly stored: StoredLog;
}

/** Records in the database's own pages and in the WAL, as a kill leaves them. All acknowledged. */
function writeDatabase(place: Place, inWal: number): Written {
  const elsewhere = newPlaceFor(place);
  const database = new Database(elsewhere, undefined, FRESH);
  const line = (seq: number) => ({
    seq,
    body: `{"durable":${seq - 1},"rev":${seq},"ops":[{"put":"/k/${seq}","value":"${"x".repeat(90)}"}]}`,
  });
  for (let seq = 1; seq <= 30; seq++) database.append([line(seq)]);
  database.beginRewrite();
  database.addParts(['{"entries":[]}', FRESH.snapshot]);
  database.finishRewrite({ ...FRESH.header, base: 10, seq: 10 }, 11);
  for (let seq = 31; seq < 31 + inWal; seq += 2) database.append([line(seq), line(seq + 1)]);
  for (const suffix of FILES) cpSync(elsewhere + suffix, place.path + suffix);
  database.close();
  const files = place.read();
  const stored = verifyDatabase(place.path, findMark(place.path)) as StoredLog;
  assert.equal(stored.records.length, 20 + inWal);
  place.set(files);
  return { files, stored };
}

const newPlaceFor = (place: Place): string => join(mkdtempSync(join(place.directory, "made-")), "store.db");

function flip(bytes: Buffer, offset: number, mask = 1): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[offset] = (flipped[offset] as number) ^ mask;
  return flipped;
}

/** The check that the driver's thread makes before it opens anything for writing. */
function check(place: Place, files: Files, stored: StoredLog, what: string): "kept" | "refused" {
  place.set(files);
  let found: StoredLog | undefined;
  try {
    found = verifyDatabase(place.path, findMark(place.path));
  } catch (error) {
    assert.ok(isError(error, "internal/corrupt") || isError(error, "unsupported/version"), `${what}: ${String(error)}`);
    for (const suffix of FILES) {
      const left = readdirSync(place.directory).includes(`store.db${suffix}`)
        ? readFileSync(place.path + suffix)
        : undefined;
      // Reading a database that has no WAL makes an empty one.
      if (files[suffix] || left?.length) assert.deepEqual(left, files[suffix], `${what}: refused and changed`);
    }
    return "refused";
  }
  assert.deepEqual(found, stored, `${what}: silent loss`);
  return "kept";
}

for (const [where, inWal] of [
  ["the WAL", 12],
  ["the database", 0],
] as const) {
  test(`a flipped byte anywhere in ${where} never loses anything silently`, (t) => {
    const place = newPlace(t);
    const { files, stored } = writeDatabase(place, inWal);
    const outcomes = { kept: 0, refused: 0 };
    for (const suffix of inWal > 0 ? (["-wal"] as const) : ([""] as const)) {
      const bytes = files[suffix] as Buffer;
      const step = FULL ? 3 : 61;
      for (let offset = 0; offset < bytes.length; offset += offset < 600 ? 7 : step) {
        for (const mask of FULL ? [1, 0x80] : [1 << (offset % 8)]) {
          const damaged = { ...files, [suffix]: flip(bytes, offset, mask) };
          outcomes[check(place, damaged, stored, `${where} byte ${offset} ^ ${mask}`)]++;
        }
      }
    }
    assert.ok(outcomes.refused > 0);
    t.diagnostic(`${where}: ${outcomes.refused} refused, ${outcomes.kept} of no consequence`);
  });
}

test("without the watermark a flipped byte before the last commit of the WAL is refused", (t) => {
  const place = newPlace(t);
  const { files, stored } = writeDatabase(place, 12);
  const wal = files["-wal"] as Buffer;
  const frameBytes = 24 + 4096;
  const frames = (wal.length - 32) / frameBytes;
  assert.ok(frames >= 6, `${frames} frames`);
  for (let frame = 0; frame < frames - 1; frame++) {
    for (const within of [0, 4, 8, 16, 20, 24, 2000, frameBytes - 1]) {
      const damaged = { ...files, "-wal": flip(wal, 32 + frame * frameBytes + within) };
      delete damaged[".mark"];
      assert.equal(check(place, damaged, stored, `frame ${frame} byte ${within}`), "refused");
    }
  }
  assert.deepEqual(findWalDamage(flip(wal, 2)), { offset: 0 });
  assert.equal(findWalDamage(wal), undefined);
  assert.equal(findWalDamage(Buffer.alloc(wal.length)), undefined, "zeros are a file that was never written");
});

test("a commit that a crash cut short is dropped at every length, one that was acknowledged is not", (t) => {
  const place = newPlace(t);
  const { files, stored } = writeDatabase(place, 12);
  const wal = files["-wal"] as Buffer;
  const frame = Buffer.from(wal.subarray(wal.length - 24 - 4096));
  for (let length = 0; length <= frame.length; length += FULL ? 1 : 97) {
    // A frame that repeats another has the wrong running checksum, as a torn one has.
    const torn = { ...files, "-wal": Buffer.concat([wal, frame.subarray(0, length)]) };
    assert.equal(check(place, torn, stored, `${length} bytes of a frame`), "kept");
  }
  for (let length = 0; length < wal.length; length += FULL ? 7 : 997) {
    assert.equal(
      check(place, { ...files, "-wal": wal.subarray(0, length) }, stored, `WAL cut to ${length}`),
      "refused",
    );
  }
  for (const missing of ["", "-wal"] as const) {
    const rest = { ...files };
    delete rest[missing];
    assert.equal(check(place, rest, stored, `no ${missing || "database"}`), "refused");
  }
});

test("rows that are missing, swapped or changed within SQLite are refused", (t) => {
  const place = newPlace(t);
  const { files, stored } = writeDatabase(place, 0);
  for (const change of [
    "DELETE FROM log WHERE number = 15",
    "DELETE FROM log WHERE number = 30",
    "DELETE FROM log",
    "DELETE FROM header",
    "DELETE FROM snapshot WHERE number = 1",
    "UPDATE log SET body = replace(body, 'x', 'y') WHERE number = 20",
    "UPDATE log SET body = (SELECT body FROM log WHERE number = 21), crc = (SELECT crc FROM log WHERE number = 21) WHERE number = 20",
    "DROP TABLE log",
  ]) {
    place.set(files);
    const database = new DatabaseSync(place.path);
    database.exec(change);
    database.close();
    assert.equal(check(place, place.read(), stored, change), "refused", change);
  }
});

test("through the store: refused untouched, a bad watermark is a warning, the files are private", async (t) => {
  const place = newPlace(t);
  const store = await place.open();
  for (let i = 1; i <= 20; i++) await store.transact(always(put("/k", i)));
  const page = await store.list({ prefix: "" });
  for (const suffix of FILES) assert.equal(statSync(place.path + suffix).mode & 0o777, 0o600);
  const killed = place.read();
  await rejects(place.open(), "conflict/locked");
  await store[Symbol.asyncDispose]();
  place.set({ ...killed, "-wal": flip(killed["-wal"] as Buffer, 32 + 24 + 100) });
  const before = place.read();
  await rejects(place.open(), "internal/corrupt");
  assert.deepEqual(place.read(), before);
  const logger = createCollectingLogger();
  place.set({ ...killed, ".mark": flip(killed[".mark"] as Buffer, 20) });
  const again = await place.open({ log: logger });
  assert.deepEqual(await again.list({ prefix: "" }), page);
  await again[Symbol.asyncDispose]();
  assert.ok(logger.lines.some(({ level, message }) => level === "warn" && /watermark/.test(message)));
});

test("a newer format is refused untouched", async (t) => {
  const place = newPlace(t);
  const store = await place.open({ cluster: "ours" });
  await store[Symbol.asyncDispose]();
  await rejects(place.open({ cluster: "theirs" }), "invalid");
  const database = new DatabaseSync(place.path);
  const body = JSON.stringify({ ...FRESH.header, version: 2 });
  database.prepare("UPDATE header SET body = ?, crc = ?").run(body, rowSum("header", 0, body));
  database.close();
  const before = place.read();
  await rejects(place.open(), "unsupported/version");
  assert.deepEqual(place.read()[""], before[""]);
});

test("the store closes when its thread dies", async (t) => {
  const place = newPlace(t);
  const threads: { terminate(): Promise<number> }[] = [];
  const remember = (thread: { terminate(): Promise<number> }) => threads.push(thread);
  process.once("worker", remember as never);
  const store = await place.open();
  await store.transact(always(put("/k", 1)));
  const lost = store.transact(always(put("/k", 2)));
  await threads[0]?.terminate();
  const result = await lost.then(
    () => "done",
    (error) => (isError(error, "unavailable/closed") ? "closed" : String(error)),
  );
  assert.ok(["done", "closed"].includes(result), result);
  await rejects(store.transact(always(put("/k", 3))), "unavailable/closed");
  assert.ok(store.failure);
  assert.ok(await store.get("/k"));
  await store[Symbol.asyncDispose]();
  const again = await place.open();
  assert.ok((again.revision as number) >= 1);
  await again[Symbol.asyncDispose]();
});
