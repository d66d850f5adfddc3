import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Op } from "../domain/store.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { Drafts } from "./drafts.ts";
import { openMemoryStore } from "./drivers/memory/memory.ts";

const put = (key: string, value: string): Op => ({ op: "put", key, value });

function world() {
  const under = openMemoryStore({ clock: createFakeClock(), random: createSimRandom(1) });
  const drafts = new Drafts(under);
  const value = async (key: string) => (await drafts.store.get(key))?.value;
  const keys = async (prefix: string) => (await drafts.store.list({ prefix })).entries.map(({ key }) => key);
  return { under, drafts, store: drafts.store, value, keys };
}

test("a draft reads what it has written, and nobody else does; then it is one transaction", async () => {
  const { under, drafts, store, value, keys } = world();
  await under.transact({ then: [put("/a/1", "old"), put("/a/2", "goes"), put("/b", "same")] });
  const draft = await drafts.run(async () => {
    const { modRevision = 0 } = (await store.get("/a/1")) ?? {};
    equal(
      (await store.transact({ compare: [{ key: "/a/1", modRevision }], then: [put("/a/1", "new")] })).succeeded,
      true,
    );
    const again = await store.get("/a/1");
    equal((await store.transact({ compare: [{ key: "/a/1", modRevision }], then: [] })).succeeded, false);
    equal(
      (await store.transact({ compare: [{ key: "/a/1", version: again?.version ?? 0 }], then: [] })).succeeded,
      true,
    );
    await store.transact({ then: [{ op: "delete", key: "/a/2" }, put("/a/0", "made")] });
    await store.transact({ then: [put("/a/3", "made and gone")] });
    await store.transact({ then: [{ op: "delete-prefix", prefix: "/a/3" }] });
    deepEqual([await value("/a/1"), await value("/a/2"), await keys("/a/")], ["new", undefined, ["/a/0", "/a/1"]]);
    const first = await store.list({ prefix: "/a/", limit: 1 });
    deepEqual([first.entries.length, first.next], [1, "/a/0"]);
    deepEqual(
      (await store.list({ prefix: "/a/", after: "/a/0" })).entries.map(({ value: text }) => text),
      ["new"],
    );
  });
  deepEqual([await value("/a/1"), await keys("/a/")], ["old", ["/a/1", "/a/2"]]);
  equal(under.revision, 1);
  equal((await drafts.commit(draft, [])).succeeded, true);
  equal(under.revision, 2);
  deepEqual([await value("/a/1"), await keys("/a/"), await value("/b")], ["new", ["/a/0", "/a/1"], "same"]);
});

test("nothing of a draft is done when something that it relied on has changed", async () => {
  for (const change of [put("/read", "other"), put("/written", "other"), put("/absent", "came")]) {
    const { under, drafts, store, value } = world();
    await under.transact({ then: [put("/read", "x"), put("/written", "x")] });
    const draft = await drafts.run(async () => {
      const compare = [
        { key: "/read", modRevision: 1 },
        { key: "/absent", modRevision: 0 },
      ];
      await store.transact({ compare, then: [put("/written", "y"), put("/more", "y")] });
    });
    await under.transact({ then: [change] });
    equal((await drafts.commit(draft, [])).succeeded, false);
    equal(await value("/more"), undefined);
  }
});

test("what a draft may not write is refused as the store refuses it", async () => {
  const { drafts, store } = world();
  await rejects(
    drafts.run(() => store.transact({ then: [put("/a", "1"), put("/a", "2")] })),
    { code: "invalid" },
  );
});
