import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Entry } from "../../../domain/store.ts";
import { realClock as clock } from "../../../platform/clock.ts";
import { realRandom as random } from "../../../platform/random.ts";
import { openNedbStore } from "./nedb.ts";
import { RESTORED_KEY, writeNedbLog } from "./write.ts";

test("a store made from another's entries is as that was at the revision, and goes on from it", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-store-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const cluster = "cluster-a";
  const path = join(directory, "restored", "store.db");
  let entries: readonly Entry[];
  let revision: number;
  {
    await using store = await openNedbStore({ clock, random, cluster, path: join(directory, "store.db") });
    for (const key of ["/a", "/b", "/c"]) {
      await store.transact({ then: [{ op: "put", key, value: { key, odd: "\u2028\u0085\n" }, labels: { l: key } }] });
    }
    await store.transact({ then: [{ op: "delete", key: "/b" }] });
    await store.transact({ then: [{ op: "put", key: "/a", value: 2 }] });
    ({ entries, revision } = await store.list({ prefix: "" }));
  }
  const parts = async function* () {
    for (const entry of entries) yield [entry];
  };
  await writeNedbLog({ path, cluster, revision, entries: parts(), note: { from: "x" }, clock, random });
  let restored = 0;
  for (const round of [0, 1]) {
    await using store = await openNedbStore({ clock, random, cluster, path });
    if (round === 0) restored = store.revision;
    assert.ok(restored > revision + 1000, "who watched before is told to list again");
    const watched = store.watch({ prefix: "", from: revision + 10 })[Symbol.asyncIterator]();
    await assert.rejects(watched.next(), { reason: "compacted" });
    assert.equal(store.revision, restored + round);
    const page = await store.list({ prefix: "/a" });
    assert.deepEqual((await store.list({ prefix: "/a", revision: page.revision })).entries, entries.slice(0, 1));
    assert.deepEqual((await store.get(RESTORED_KEY))?.value, { from: "x" });
    assert.deepEqual((await store.list({ prefix: "/a" })).entries, entries.slice(0, 1));
    assert.deepEqual(await store.get("/c"), entries[1]);
    await assert.rejects(store.get("/a", { revision: revision - 1 }), { reason: "compacted" });
    if (round === 0) await store.transact({ then: [{ op: "put", key: "/d", value: 1 }] });
    else assert.equal((await store.get("/d"))?.value, 1);
  }
});
