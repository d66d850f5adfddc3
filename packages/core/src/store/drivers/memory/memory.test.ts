import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../domain/limits.ts";
import { createFakeClock } from "../../../testing/fake-clock.ts";
import { createSimRandom } from "../../../testing/sim-random.ts";
import { checkStore } from "../../contract.ts";
import { always, put, rejects, type StoreSite } from "../../contract-site.ts";
import { State } from "../../state.ts";
import type { StagedOp } from "../../validate.ts";
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

test("a lease whose end shares its sync with what starts a compaction is not granted again", async () => {
  const world = { clock: createFakeClock(), random: createSimRandom(2) };
  const memory = new MemoryLog(world);
  const store = openMemoryStore({ ...world, memory, keepRevisions: 1 });
  const lease = await store.grantLease(5000);
  await Promise.all([store.revokeLease(lease.id), ...[1, 2, 3].map((i) => store.transact(always(put("/k", i))))]);
  await store[Symbol.asyncDispose]();
  assert.equal(memory.size, 1, "it was compacted, the end of the lease is in the snapshot");
  const again = openMemoryStore({ ...world, memory });
  await rejects(again.keepLeaseAlive(lease.id), "not_found");
  await again[Symbol.asyncDispose]();
});

test("large revisions are compacted before they are many, also those of a former life", async () => {
  const world = { clock: createFakeClock(), random: createSimRandom(2) };
  const memory = new MemoryLog(world);
  const { keepBytes } = LIMITS.store;
  const value = "x".repeat(keepBytes / 32);
  const logBytes = () => memory.recover().records.reduce((sum, record) => sum + record.sizeBytes, 0);
  let most = 0;
  for (let life = 0; life < 4; life++) {
    const store = openMemoryStore({ ...world, memory });
    for (let i = 0; i < 28; i++) {
      await store.transact(always(put(`/k/${i % 2}`, value)));
      most = Math.max(most, logBytes());
    }
    await store[Symbol.asyncDispose]();
  }
  assert.ok(most > keepBytes && most < 2.1 * keepBytes, `${most} bytes of records`);
  assert.ok(logBytes() > 0.9 * keepBytes, "no more goes than must");
  const store = openMemoryStore({ ...world, memory });
  assert.equal(store.revision, 4 * 28);
  await rejects(store.get("/k/0", { revision: 20 }), "conflict/compacted");
  await store[Symbol.asyncDispose]();
});

test("the parts of a snapshot of large values stay small", async () => {
  const { memory, store } = newStore();
  const value = "x".repeat(LIMITS.resource.maxBytes - 100);
  for (let i = 0; i < 20; i++) await store.transact(always(put(`/k/${i}`, value)));
  await store.compact(20);
  const { snapshot } = memory.recover();
  const sizes = snapshot.map((part) => JSON.stringify(part).length);
  assert.ok(Math.max(...sizes) < 2 * LIMITS.store.maxTransactionBytes, sizes.join());
  assert.equal(snapshot.flatMap((part) => part.entries ?? []).length, 20 - 1, "the last one is a record");
  await store[Symbol.asyncDispose]();
});

test("compacting away the changes of one key looks at each of its versions once", async () => {
  const state = new State();
  const put: StagedOp = { op: "put", key: "/hot", value: 1, labels: {} };
  for (let seq = 1; seq <= 2000; seq++) state.apply([put], seq, 50);
  let looks = 0;
  const original = Array.prototype.findLastIndex;
  Array.prototype.findLastIndex = function (this: unknown[], ...rest: Parameters<typeof original>) {
    looks += this.length;
    return original.apply(this, rest);
  };
  try {
    state.prune(1000);
  } finally {
    Array.prototype.findLastIndex = original;
  }
  assert.ok(looks <= 2000, `${looks} versions`);
  assert.equal(state.get("/hot", 1000)?.version, 1000);
  assert.equal(state.get("/hot", 999), undefined);
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
