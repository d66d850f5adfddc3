/** A real full disk and a real refused write under both drivers: what was acknowledged stays, nothing is half there. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isError } from "../../domain/errors.ts";
import type { Store } from "../../domain/store.ts";
import { always, put } from "../contract-site.ts";
import { assertAllThere, DRIVERS, type DriverName, openStore, reportOf, spawnWriter } from "./writer-child.ts";

const VALUE_BYTES = 3000;
const WRITER = { first: 0, writers: 4, valueBytes: VALUE_BYTES };

/** Nothing that was acknowledged is missing, and of the others each is whole or absent. */
async function assertWhole(driver: DriverName, path: string, acknowledged: readonly number[]): Promise<Store> {
  const store = await openStore(driver, path);
  await assertAllThere(store, acknowledged, VALUE_BYTES);
  const { entries } = await store.list({ prefix: "/written/" });
  assert.equal(store.revision, entries.length, "one revision for each write");
  return store;
}

/** A directory on a file system of its own. `undefined` when only root could make one. */
async function newSmallDisk(t: TestContext, size: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) {
    // The test with a limit of the file size shows the same without root.
    t.diagnostic("not root: no file system of a given size can be mounted");
    return undefined;
  }
  const directory = await mkdtemp(join(tmpdir(), "skerry-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", directory]);
  t.after(async () => {
    execFileSync("umount", ["-l", directory]);
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

for (const driver of DRIVERS) {
  test(`${driver}: a disk that fills up in the middle of appends`, async (t) => {
    const directory = await newSmallDisk(t, "600k");
    if (directory === undefined) return;
    const path = join(directory, "store.db");
    const report = await reportOf(spawnWriter({ ...WRITER, driver, path, count: 0, keepRevisions: 100_000 }));
    assert.equal(report.errors, "");
    assert.ok(report.said.includes("failed exhausted/disk"), report.said.join());
    assert.ok(
      report.said.some((line) => line.startsWith("readable 1 ")),
      "reads go on",
    );
    assert.ok(report.acknowledged.length > 20);
    execFileSync("mount", ["-o", "remount,size=4m", directory]);
    await using store = await assertWhole(driver, path, report.acknowledged);
    assert.equal(store.revision, report.acknowledged.length, "what was refused is not there");
    t.diagnostic(`${driver}: ${report.acknowledged.length} acknowledged before the disk was full`);
  });

  test(`${driver}: opening on a full disk says so and loses nothing`, async (t) => {
    const directory = await newSmallDisk(t, "2m");
    if (directory === undefined) return;
    const path = join(directory, "store.db");
    const report = await reportOf(spawnWriter({ ...WRITER, driver, path, count: 100, keepRevisions: 100_000 }));
    assert.equal(report.acknowledged.length, 100);
    const filler = join(directory, "filler");
    await writeFile(filler, Buffer.alloc(4 * 1024 * 1024)).catch(() => undefined);
    const before = await readFile(path);
    // SQLite may open without writing; NeDB writes its file anew while loading.
    const opened = await openStore(driver, path).catch((error: unknown) => {
      assert.ok(isError(error, "exhausted/disk"), String(error));
      return undefined;
    });
    await opened?.[Symbol.asyncDispose]();
    if (!opened) assert.deepEqual(await readFile(path), before);
    await rm(filler);
    await using store = await assertWhole(driver, path, report.acknowledged);
    assert.equal(store.revision, 100);
  });

  test(`${driver}: compacting a store on a nearly full disk says truly whether it was done`, async (t) => {
    const directory = await newSmallDisk(t, "3m");
    if (directory === undefined) return;
    const filler = join(directory, "filler");
    const outcomes: string[] = [];
    for (const leftKib of [8, 104, 200, 392, 1000]) {
      const path = join(directory, `${leftKib}.db`);
      const store = await openStore(driver, path, 100_000);
      for (let i = 1; i <= 60; i++) await store.transact(always(put(`/k/${i}`, "x".repeat(VALUE_BYTES))));
      const { bavail, bsize } = await statfs(directory);
      await writeFile(filler, Buffer.alloc(bavail * bsize - leftKib * 1024));
      const outcome = await store.compact(40).then(
        () => "done",
        (error: unknown) => (isError(error, "exhausted/disk") ? "no room" : String(error)),
      );
      assert.equal(store.failure, undefined);
      await store[Symbol.asyncDispose]();
      await rm(filler);
      const again = await openStore(driver, path, 100_000);
      const history = await again.get("/k/1", { revision: 30 }).then(
        () => "no room",
        (error: unknown) => (isError(error, "conflict/compacted") ? "done" : String(error)),
      );
      assert.equal(outcome, history, `${leftKib} KiB left`);
      await again[Symbol.asyncDispose]();
      for (const suffix of ["", "-wal", ".mark"]) await rm(path + suffix, { force: true });
      outcomes.push(outcome);
    }
    assert.deepEqual([...new Set(outcomes)], ["no room", "done"], outcomes.join());
  });

  test(`${driver}: a write that the kernel refuses in the middle`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "skerry-limit-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, "store.db");
    const limit = ["prlimit", `--fsize=${400_001}`, "--"];
    const report = await reportOf(spawnWriter({ ...WRITER, driver, path, count: 0, keepRevisions: 100_000 }, limit));
    assert.equal(report.errors, "");
    assert.ok(
      report.said.some((line) => line.startsWith("failed unavailable/closed")),
      report.said.join(),
    );
    assert.ok(
      report.said.some((line) => line.startsWith("readable 1 ")),
      "reads go on",
    );
    assert.ok(report.acknowledged.length > 20);
    await using store = await assertWhole(driver, path, report.acknowledged);
    assert.equal(store.revision, report.acknowledged.length, "what was refused is not there");
    t.diagnostic(`${driver}: ${report.acknowledged.length} acknowledged before EFBIG`);
  });
}
