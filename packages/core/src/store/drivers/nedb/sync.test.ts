/** What NeDB does not do: every answer waits for its sync, and a disk that fails closes the store. */
import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Store } from "../../../domain/store.ts";
import { createFakeClock } from "../../../testing/fake-clock.ts";
import { createSimRandom } from "../../../testing/sim-random.ts";
import { always, keysOf, put, rejects } from "../../contract-site.ts";
import { openNedbStore } from "./nedb.ts";
import { type NedbIo, REAL_IO } from "./nedb-log.ts";

interface Place {
  readonly path: string;
  open(io?: Partial<NedbIo>): Promise<Store>;
}

async function newPlace(t: { after(done: () => Promise<void>): void }): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-sync-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "store.db");
  const world = { clock: createFakeClock(), random: createSimRandom(1) };
  return { path, open: (io = {}) => openNedbStore({ path, ...world, io: { ...REAL_IO, ...io } }) };
}

const failing = (code: string) => (): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }));

test("no answer before the log's data is synced", async (t) => {
  const place = await newPlace(t);
  const synced: bigint[] = [];
  let gate: Promise<void> = Promise.resolve();
  await using store = await place.open({
    datasync: async (file) => {
      await gate;
      await file.datasync();
      synced.push((await file.stat({ bigint: true })).ino);
    },
  });
  synced.length = 0;
  for (let i = 1; i <= 5; i++) {
    await store.transact(always(put("/k", i)));
    assert.equal(synced.length, i, "one sync for each answer of a lone writer");
    assert.equal(synced.at(-1), (await stat(place.path, { bigint: true })).ino, "of the file that has the log's name");
  }
  const held = Promise.withResolvers<void>();
  gate = held.promise;
  let answered = false;
  const write = store.transact(always(put("/k", 6))).then(() => {
    answered = true;
  });
  while (!(await readFile(place.path, "utf8")).includes('"value":6'))
    await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, false, "written, not synced");
  assert.equal((await store.get("/k"))?.value, 5);
  held.resolve();
  await write;
  await store.compact(5);
  await store.transact(always(put("/k", 7)));
  assert.equal(synced.at(-1), (await stat(place.path, { bigint: true })).ino, "also after a rewrite");
});

for (const [step, code, id] of [
  ["insert", "ENOSPC", "exhausted/disk"],
  ["insert", "EIO", "unavailable/closed"],
  ["datasync", "EIO", "unavailable/closed"],
  ["datasync", "ENOSPC", "exhausted/disk"],
] as const) {
  test(`${code} in the ${step} of an append: nothing half-visible, and a restart has what was acknowledged`, async (t) => {
    const place = await newPlace(t);
    let broken = false;
    const fail = failing(code);
    const store = await place.open({
      insert: async (insert) => {
        if (step === "datasync" || !broken) return insert();
        // A part of the line came to the disk.
        await appendFile(place.path, '00000000 2-0000000000000002 {"dur');
        return fail();
      },
      datasync: (file) => (step === "datasync" && broken ? fail() : file.datasync()),
    });
    await store.transact(always(put("/k", "old")));
    broken = true;
    const events: number[] = [];
    const watch = (async () => {
      for await (const event of store.watch({ prefix: "" })) events.push(event.revision);
    })();
    const lost = Promise.allSettled([store.transact(always(put("/k", "new"))), store.transact(always(put("/l")))]);
    for (const result of await lost) {
      assert.equal(result.status, "rejected");
      await rejects(Promise.reject((result as PromiseRejectedResult).reason), id);
    }
    await rejects(store.transact(always(put("/m"))), "unavailable/closed");
    assert.ok(store.failure);
    assert.deepEqual([store.revision, (await store.get("/k"))?.value], [1, "old"]);
    await store[Symbol.asyncDispose]();
    await watch;
    assert.deepEqual(events, []);
    await using again = await place.open();
    assert.deepEqual(keysOf((await again.list({ prefix: "" })).entries), ["/k"]);
    assert.equal((await again.get("/k"))?.value, "old");
    assert.equal((await again.transact(always(put("/k", "newer")))).revision, 2);
  });
}

test("a rewrite that fails leaves the log as it was, and the store goes on", async (t) => {
  const place = await newPlace(t);
  let broken = false;
  const store = await place.open({ insert: (insert) => (broken ? failing("ENOSPC")() : insert()) });
  for (let i = 1; i <= 10; i++) await store.transact(always(put("/k", i)));
  const before = await readFile(place.path);
  broken = true;
  await rejects(store.compact(8), "exhausted/disk");
  assert.deepEqual(await readFile(place.path), before);
  broken = false;
  await store.transact(always(put("/k", 11)));
  await store.compact(10);
  await store[Symbol.asyncDispose]();
  assert.ok((await readFile(place.path)).length < before.length);
  await using again = await place.open();
  assert.equal((await again.get("/k", { revision: 10 }))?.value, 10);
});

test("a rewrite that the disk breaks says that the store goes on, and it does", async (t) => {
  const place = await newPlace(t);
  let broken = false;
  await using store = await place.open({ insert: (insert) => (broken ? failing("EIO")() : insert()) });
  for (let i = 1; i <= 10; i++) await store.transact(always(put("/k", i)));
  broken = true;
  await assert.rejects(store.compact(8), { code: "unavailable", reason: undefined, message: /its history stays/ });
  broken = false;
  assert.equal(store.failure, undefined);
  assert.equal((await store.transact(always(put("/k", 11)))).revision, 11);
});

test("a rewrite that finds the log damaged or changed closes the store: a restart would refuse what comes after", async (t) => {
  for (const change of [
    async (path: string) => {
      const log = await readFile(path);
      log.write("9", log.lastIndexOf('"value":6') + '"value":'.length);
      await writeFile(path, log, { flag: "r+" });
    },
    async (path: string) => {
      const log = await readFile(path);
      await truncate(path, log.lastIndexOf("\n", log.length - 2) + 1);
    },
    (path: string) => rm(path),
  ]) {
    const place = await newPlace(t);
    await using store = await place.open();
    for (let i = 1; i <= 10; i++) await store.transact(always(put("/k", i)));
    await change(place.path);
    await rejects(store.compact(5), "unavailable/closed");
    assert.ok(store.failure);
    await rejects(store.transact(always(put("/k", 11))), "unavailable/closed");
    assert.equal((await store.get("/k"))?.value, 10, "reads go on");
    assert.ok(!(await readdir(dirname(place.path))).includes("store.db.new"), "no half file stays");
  }
});

test("a file that somebody else changes or replaces closes the store", async (t) => {
  for (const change of [
    (path: string) => appendFile(path, "strange\n"),
    async (path: string) => {
      await writeFile(`${path}.copy`, await readFile(path));
      await rename(`${path}.copy`, path);
    },
    (path: string) => rm(path),
  ]) {
    const place = await newPlace(t);
    await using store = await place.open();
    await store.transact(always(put("/k")));
    await change(place.path);
    await rejects(store.transact(always(put("/k", 2))), "unavailable/closed");
  }
});
