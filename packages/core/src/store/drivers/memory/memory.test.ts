import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../testing/fake-clock.ts";
import { createSimRandom } from "../../../testing/sim-random.ts";
import { checkStore } from "../../contract.ts";
import { always, put, rejects, type StoreSite } from "../../contract-site.ts";
import { MemoryLog, openMemoryStore } from "./memory.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";

async function newSite(): Promise<StoreSite> {
  const clock = createFakeClock();
  const random = createSimRandom(1);
  const memory = new MemoryLog({ clock, random });
  return {
    clock,
    open: async (options) => openMemoryStore({ clock, random, memory, ...options }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

checkStore("memory", newSite, { cases: FULL ? 10_000 : 150 });

function newStore() {
  const world = { clock: createFakeClock(), random: createSimRandom(2) };
  const memory = new MemoryLog(world);
  return { memory, store: openMemoryStore({ ...world, memory }) };
}

test("nothing is answered, read or watched before it is durable", async () => {
  const { memory, store } = newStore();
  await store.transact(always(put("/k", "old")));
  const gate = Promise.withResolvers<void>();
  memory.beforeDurable = () => gate.promise;
  const seen: string[] = [];
  const watch = (async () => {
    for await (const event of store.watch({ prefix: "" })) seen.push(`watch ${event.revision}`);
  })();
  const write = store.transact(always(put("/k", "new"))).then(() => seen.push("write answered"));
  // A pure read in a transaction sees what is pending, so its answer must wait as well.
  const read = store.transact(always({ op: "get", key: "/k" })).then(() => seen.push("read answered"));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, []);
  assert.equal(store.revision, 1);
  assert.equal((await store.get("/k"))?.value, "old");
  assert.equal((await store.list({ prefix: "" })).entries[0]?.value, "old");
  await rejects(store.get("/k", { revision: 2 }), "invalid");
  gate.resolve();
  await Promise.all([write, read]);
  assert.equal((await store.get("/k"))?.value, "new");
  await store[Symbol.asyncDispose]();
  await watch;
  assert.deepEqual(seen.toSorted(), ["read answered", "watch 2", "write answered"]);
});

test("what waits while one sync runs shares the next", async () => {
  const { memory, store } = newStore();
  const batches: number[] = [];
  memory.beforeDurable = async (lines) => {
    batches.push(lines.length);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await Promise.all(Array.from({ length: 1000 }, (_, i) => store.transact(always(put(`/k/${i}`)))));
  assert.deepEqual(batches, [512, 488]);
  await store[Symbol.asyncDispose]();
});

test("a failed write fails what waits, closes the store for writes, and reads go on", async () => {
  const { memory, store } = newStore();
  await store.transact(always(put("/k", "old")));
  memory.beforeDurable = async () => {
    throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  };
  const lost = [store.transact(always(put("/k", "new"))), store.transact(always(put("/l"))), store.grantLease(5000)];
  for (const each of lost) await rejects(each, "exhausted/disk");
  memory.beforeDurable = async () => undefined;
  await rejects(store.transact(always(put("/k"))), "unavailable/closed");
  await rejects(store.grantLease(5000), "unavailable/closed");
  assert.ok(store.failure);
  assert.equal(store.revision, 1);
  assert.equal((await store.get("/k"))?.value, "old");
  assert.deepEqual((await store.list({ prefix: "" })).entries.length, 1);
  await store[Symbol.asyncDispose]();
});

test("a compaction that fails leaves the store working", async () => {
  const { memory, store } = newStore();
  for (let i = 0; i < 10; i++) await store.transact(always(put("/k", i)));
  memory.beforeRewrite = async () => {
    throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  };
  await rejects(store.compact(5), "exhausted/disk");
  assert.equal(store.failure, undefined);
  assert.equal((await store.transact(always(put("/k")))).revision, 11);
  assert.equal((await store.get("/k", { revision: 5 }))?.value, 4);
  memory.beforeRewrite = async () => undefined;
  await store.compact(8);
  assert.equal(memory.size, 4, "records 8 to 11 stay");
  await store[Symbol.asyncDispose]();
});
