/** Whatever happens to the file: all acknowledged data is there, or the store refuses and touches nothing. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isError } from "../../../domain/errors.ts";
import type { Page, Store } from "../../../domain/store.ts";
import { createFakeClock } from "../../../testing/fake-clock.ts";
import { createSimRandom } from "../../../testing/sim-random.ts";
import { createCollectingLogger } from "../../../testing/sim-telemetry.ts";
import { always, put, rejects } from "../../contract-site.ts";
import { frameLine, HEADER_ID } from "./frame.ts";
import { type NedbStoreOptions, openNedbStore } from "./nedb.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const WORLD = { clock: createFakeClock(), random: createSimRandom(1) };

interface Written {
  readonly log: Buffer;
  readonly mark: Buffer;
  /** The state at each revision. */
  readonly pages: readonly Page[];
}

class Place {
  readonly directory: string;
  readonly path: string;

  constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, "store.db");
  }

  async set(log: Buffer | undefined, mark: Buffer | undefined): Promise<void> {
    for (const name of await readdir(this.directory)) await rm(join(this.directory, name));
    if (log) await writeFile(this.path, log, { mode: 0o600 });
    if (mark) await writeFile(`${this.path}.mark`, mark, { mode: 0o600 });
  }

  open(more: Partial<NedbStoreOptions> = {}): Promise<Store> {
    return openNedbStore({ path: this.path, ...WORLD, ...more });
  }

  /** Name and bytes of every file. */
  async files(): Promise<Record<string, string>> {
    const names = (await readdir(this.directory)).toSorted();
    const bytes = await Promise.all(names.map((name) => readFile(join(this.directory, name), "latin1")));
    return Object.fromEntries(names.map((name, i) => [name, bytes[i] as string]));
  }
}

async function newPlace(t: { after(done: () => Promise<void>): void }): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-damage-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return new Place(directory);
}

/** A log with header, snapshot and records, each acknowledged. The last group commit has two records. */
async function writeLog(place: Place): Promise<Written> {
  const store = await place.open();
  for (let i = 1; i <= 9; i++) await store.transact(always(put(`/k/${i % 4}`, { i, text: "ä" })));
  await store.compact(5);
  await store.grantLease(5000);
  await Promise.all([store.transact(always(put("/l"))), store.transact(always({ op: "delete", key: "/k/1" }))]);
  const revisions = Array.from({ length: store.revision - 4 }, (_, i) => i + 5);
  const pages = await Promise.all(revisions.map((revision) => store.list({ prefix: "", revision })));
  await store[Symbol.asyncDispose]();
  return { log: await readFile(place.path), mark: await readFile(`${place.path}.mark`), pages };
}

type Outcome = "kept" | "refused";

/** Fails when acknowledged data is missing, or when a refusal changed a file. */
async function openDamaged(place: Place, pages: readonly Page[], what: string): Promise<Outcome> {
  const before = await place.files();
  let store: Store;
  try {
    store = await place.open();
  } catch (error) {
    assert.ok(isError(error, "internal/corrupt") || isError(error, "unsupported/version"), `${what}: ${String(error)}`);
    assert.ok(error.hint, what);
    assert.deepEqual(await place.files(), before, `${what}: refused and changed`);
    return "refused";
  }
  for (const page of pages) {
    assert.deepEqual(await store.list({ prefix: "", revision: page.revision }), page, `${what}: silent loss`);
  }
  await store[Symbol.asyncDispose]();
  return "kept";
}

function flip(bytes: Buffer, offset: number, mask: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[offset] = (flipped[offset] as number) ^ mask;
  return flipped;
}

test("a flipped byte anywhere in the log is refused, with its place, and nothing is touched", async (t) => {
  const place = await newPlace(t);
  const { log, mark, pages } = await writeLog(place);
  const lines = log.toString("latin1").split("\n");
  const masks = FULL ? [0x01, 0x20, 0x80, 0xff] : [0x01];
  const step = FULL ? 1 : 3;
  let cases = 0;
  for (const mask of masks) {
    for (let offset = 0; offset < log.length; offset += step) {
      await place.set(flip(log, offset, mask), mark);
      assert.equal(await openDamaged(place, pages, `byte ${offset} ^ ${mask}`), "refused", `byte ${offset}`);
      cases++;
    }
  }
  const third = lines.slice(0, 3).join("\n").length + 20;
  await place.set(flip(log, third, 1), mark);
  await assert.rejects(place.open(), /record 5, which was acknowledged, cannot be read at byte \d+ \(line 4\)/);
  t.diagnostic(`${cases} flipped bytes in ${log.length} bytes, ${lines.length - 1} lines`);
});

test("without the watermark only the last group commit can be taken for a torn tail", async (t) => {
  const place = await newPlace(t);
  const { log, pages } = await writeLog(place);
  const lastCommit = log.lastIndexOf('"durable":', log.lastIndexOf('"durable":') - 1);
  const start = log.lastIndexOf("\n", lastCommit) + 1;
  for (let offset = 0; offset < log.length; offset += FULL ? 1 : 5) {
    await place.set(flip(log, offset, 1), undefined);
    const expected = offset < start ? pages : pages.slice(0, -2);
    const outcome = await openDamaged(place, expected, `byte ${offset}`);
    assert.equal(outcome, offset < start ? "refused" : "kept", `byte ${offset}`);
  }
});

test("a torn tail is cut at every length, a missing acknowledged record is refused", async (t) => {
  const place = await newPlace(t);
  const { log, mark, pages } = await writeLog(place);
  const next = Buffer.from(`${frameLine("2-0000000000000013", '{"durable":12,"rev":12,"ops":[{"delete":"/l"}]}')}\n`);
  for (let length = 0; length < next.length; length++) {
    for (const rest of [Buffer.alloc(0), Buffer.alloc(7)]) {
      const torn = Buffer.concat([log, next.subarray(0, length), rest]);
      await place.set(torn, mark);
      assert.equal(await openDamaged(place, pages, `${length} bytes of an append`), "kept");
      assert.equal((await readFile(place.path)).length, log.length, "the file ends where the last record does");
      const aside = await readFile(`${place.path}.torn`).catch(() => Buffer.alloc(0));
      assert.equal(aside.length, torn.length - log.length, "what was cut is kept aside");
    }
  }
  await place.set(Buffer.concat([log, next]), mark);
  await using store = await place.open();
  assert.equal(await store.get("/l"), undefined, "a whole record counts, though nobody was told");
  await store[Symbol.asyncDispose]();
  for (let length = 0; length < log.length; length += FULL ? 1 : 9) {
    await place.set(log.subarray(0, length), mark);
    assert.equal(await openDamaged(place, pages, `cut to ${length}`), "refused");
  }
  await place.set(undefined, mark);
  assert.equal(await openDamaged(place, pages, "no log"), "refused");
});

test("a tail whose pages came to the disk out of order is cut whole", async (t) => {
  const place = await newPlace(t);
  const { log, mark, pages } = await writeLog(place);
  const record = (seq: number) =>
    Buffer.from(
      `${frameLine(`2-00000000000000${seq}`, `{"durable":12,"rev":${seq - 1},"ops":[{"put":"/n","value":${seq}}]}`)}\n`,
    );
  await place.set(Buffer.concat([log, record(13), flip(record(14), 30, 1), record(15)]), mark);
  await using store = await place.open();
  assert.equal((await store.get("/n"))?.value, 13);
  for (const page of pages) assert.deepEqual(await store.list({ prefix: "", revision: page.revision }), page);
});

test("records that are missing, doubled or swapped are refused", async (t) => {
  const place = await newPlace(t);
  const { log, mark, pages } = await writeLog(place);
  const lines = log.toString("latin1").trimEnd().split("\n");
  for (let i = 0; i < lines.length - 1; i++) {
    const [line, after] = [lines[i] as string, lines[i + 1] as string];
    for (const instead of [
      [after],
      [line, line, after],
      [after, line],
      [line.toUpperCase(), after],
      ["", line, after],
    ]) {
      const text = [...lines.slice(0, i), ...instead, ...lines.slice(i + 2)].join("\n");
      await place.set(Buffer.from(`${text}\n`, "latin1"), mark);
      if (text !== lines.join("\n")) assert.equal(await openDamaged(place, pages, `line ${i + 1}`), "refused", text);
    }
  }
});

test("a damaged or foreign watermark is ignored with a warning, a whole log is all there", async (t) => {
  const place = await newPlace(t);
  const { log, mark, pages } = await writeLog(place);
  for (let offset = 0; offset < mark.length; offset++) {
    await place.set(log, flip(mark, offset, 1));
    assert.equal(await openDamaged(place, pages, `mark byte ${offset}`), "kept");
  }
  const logger = createCollectingLogger();
  await place.set(log, mark.subarray(0, 30));
  const store = await place.open({ log: logger });
  await store[Symbol.asyncDispose]();
  assert.ok(logger.lines.some(({ level, message }) => level === "warn" && /watermark/.test(message)));
  assert.deepEqual(await readFile(`${place.path}.mark`), mark, "it is made anew");
});

test("what a crash leaves in the middle of a rewrite is cleaned up", async (t) => {
  const place = await newPlace(t);
  const { log, mark, pages } = await writeLog(place);
  await place.set(log, mark);
  for (const suffix of [".new", ".new~", "~"]) await writeFile(place.path + suffix, log.subarray(0, 100));
  assert.equal(await openDamaged(place, pages, "leftovers"), "kept");
  assert.deepEqual(Object.keys(await place.files()), ["store.db", "store.db.mark"]);
});

test("a newer format and another cloud's log are refused untouched", async (t) => {
  const place = await newPlace(t);
  const { log, mark } = await writeLog(place);
  const end = log.indexOf("\n");
  const header = JSON.parse(log.toString("utf8", log.indexOf("{"), end));
  const newer = Buffer.from(frameLine(HEADER_ID, JSON.stringify({ ...header, version: 2 })));
  await place.set(Buffer.concat([newer, log.subarray(end)]), mark);
  const before = await place.files();
  await rejects(place.open(), "unsupported/version");
  assert.deepEqual(await place.files(), before);
  await place.set(undefined, undefined);
  const store = await place.open({ cluster: "ours" });
  await store[Symbol.asyncDispose]();
  await rejects(place.open({ cluster: "theirs" }), "invalid");
});
