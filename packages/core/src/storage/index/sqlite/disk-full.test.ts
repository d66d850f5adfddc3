import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ObjectIndex, ObjectRecord } from "../../../domain/objects.ts";
import { createBucket, put, refusal, remove, sampleChunk, sampleRecord } from "../samples.ts";
import { makeSite, type Site } from "./site.ts";

/** Two objects of about 3 KB, so that half of a batch would show. */
function pair(number: number): ObjectRecord[] {
  const chunks = (): ObjectRecord["chunks"] => Array.from({ length: 20 }, () => sampleChunk());
  const name = String(number).padStart(6, "0");
  return [0, 1].map((half) => sampleRecord("b", `${name}-${half}`, { chunks: chunks() }));
}

/** Puts pairs, several at once, until the disk is full. How many are there. */
async function fill(index: ObjectIndex): Promise<number> {
  for (let round = 0; round < 2000; round += 1) {
    const numbers = Array.from({ length: 4 }, (_, at) => round * 4 + at);
    const answers = await Promise.all(numbers.map((at) => refusal(index.batch(pair(at).map((record) => put(record))))));
    for (const answer of answers) assert.ok(answer === undefined || answer === "exhausted/disk", `${answer}`);
    if (answers.includes("exhausted/disk")) return assertWhole(index);
  }
  throw new Error("the disk did not become full");
}

/** Each pair is there whole or not at all, and all counts agree. How many pairs. */
async function assertWhole(index: ObjectIndex): Promise<number> {
  const keys: string[] = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page = await index.list({ bucket: "b", after });
    keys.push(...page.objects.map((object) => object.key));
    after = page.next;
  }
  const names = new Set(keys.map((key) => key.slice(0, 6)));
  assert.deepEqual(
    keys,
    [...names].flatMap((name) => [`${name}-0`, `${name}-1`]),
  );
  const totals = await index.totals();
  assert.equal(totals.objects, keys.length);
  let chunks = 0;
  for (let page = await index.chunks("", 1000); page.length > 0; page = await index.chunks(page.at(-1)?.id ?? "", 1000))
    chunks += page.length;
  assert.equal(chunks, keys.length * 20 + totals.garbageChunks);
  return names.size;
}

/** Deletes pairs and forgets their chunks until there are only so many. */
async function empty(index: ObjectIndex, down: number): Promise<void> {
  for (let left = await assertWhole(index); left > down; left -= 1) {
    const [first] = (await index.list({ bucket: "b", limit: 1 })).objects;
    const name = first?.key.slice(0, 6);
    await index.batch([0, 1].map((half) => remove("b", `${name}-${half}`)));
    await index.batch([{ op: "forget-garbage", chunks: (await index.garbage(1000)).map((chunk) => chunk.id) }]);
  }
}

/** A small file system of its own; false where that is not allowed. */
function mountSmallDisk(site: Site, path: string, sizeMb: number): boolean {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMb}m,mode=0700`, "skerry-test", path], { stdio: "ignore" });
  } catch {
    return false;
  }
  site.onEnd(() => {
    execFileSync("umount", ["--lazy", path]);
  });
  return true;
}

describe("a full disk", () => {
  test("a database that may not grow refuses puts whole, takes deletes, and then puts again", async (t) => {
    const site = makeSite(t);
    await (await site.open())[Symbol.asyncDispose]();
    const full = await site.open({ maxPages: 120 });
    await full.batch([createBucket("b")]);
    const pairs = await fill(full);
    t.diagnostic(`full with ${pairs} pairs of objects`);
    assert.ok(pairs > 10);
    await full[Symbol.asyncDispose]();
    const index = await site.open({ maxPages: 126 });
    const big = sampleRecord("b", "big", { chunks: Array.from({ length: 500 }, () => sampleChunk()) });
    const answers = [
      refusal(index.batch([put(big)])),
      refusal(index.batch([0, 1].map((half) => remove("b", `000000-${half}`)))),
    ];
    assert.deepEqual(await Promise.all(answers), ["exhausted/disk", undefined], "deletes are not taken along");
    await empty(index, 5);
    await index.batch(pair(999_999).map((record) => put(record)));
    assert.equal(await assertWhole(index), 6);
    await index[Symbol.asyncDispose]();
    assert.equal(await assertWhole(await site.open()), 6);
  });

  test("a disk without a free byte refuses puts whole; with a little room deletes work, and then puts again", async (t) => {
    const site = makeSite(t);
    const disk = site.path("disk");
    if (!mountSmallDisk(site, disk, 16)) {
      t.diagnostic("no file system could be mounted here: only the bound on pages was tested");
      return;
    }
    const directory = join(disk, "index");
    const index = await site.open({ directory });
    await index.batch([createBucket("b")]);
    // Held back as the daemon does: more than the log may hold that the database does not have yet.
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, Buffer.alloc(6 << 20));
    const pairs = await fill(index);
    t.diagnostic(`full with ${pairs} pairs, ${statfsSync(disk).bavail} blocks free`);
    const stuck = await refusal(index.batch([remove("b", "000000-0"), remove("b", "000000-1")]));
    t.diagnostic(`a delete on the full disk: ${stuck ?? "done"}`);
    assert.ok(stuck === undefined || stuck === "exhausted/disk", `${stuck}`);
    await assertWhole(index);
    rmSync(ballast);
    await empty(index, pairs - 100);
    await index.batch(pair(999_999).map((record) => put(record)));
    assert.equal(await assertWhole(index), pairs - 99);
    await index[Symbol.asyncDispose]();
    assert.equal(await assertWhole(await site.open({ directory })), pairs - 99);
  });

  test("an index on a full disk can be opened again", async (t) => {
    const site = makeSite(t);
    const disk = site.path("disk");
    if (!mountSmallDisk(site, disk, 4)) {
      t.diagnostic("no file system could be mounted here");
      return;
    }
    const directory = join(disk, "index");
    const index = await site.open({ directory });
    await index.batch([createBucket("b")]);
    const pairs = await fill(index);
    await index[Symbol.asyncDispose]();
    const again = await site.open({ directory });
    assert.equal(await assertWhole(again), pairs);
    assert.equal((await again.get("b", "000000-1"))?.chunks.length, 20);
  });
});
