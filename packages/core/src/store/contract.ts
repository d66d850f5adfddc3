/**
 * What every store must do, whatever its driver. A driver's test file calls `checkStore` with a way to make an empty site.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Entry, Json, Op, Store, Transaction } from "../domain/store.ts";
import { checkLeases } from "./contract-lease.ts";
import { checkProperties } from "./contract-property.ts";
import { always, keysOf, put, rejects, type StoreSite } from "./contract-site.ts";
import { checkWatches } from "./contract-watch.ts";

export function checkStore(name: string, newSite: () => Promise<StoreSite>, options: { readonly cases: number }): void {
  checkBasics(name, newSite);
  checkRefusals(name, newSite);
  checkHistory(name, newSite);
  checkWatches(name, newSite);
  checkLeases(name, newSite);
  checkProperties(name, newSite, options.cases);
}

function checkBasics(name: string, newSite: () => Promise<StoreSite>): void {
  test(`${name}: revisions, versions and results`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    assert.equal(store.revision, 0);
    const made = await store.transact(always(put("/k", { a: [1] }, { labels: { app: "x" } }), put("/l")));
    assert.deepEqual([made.succeeded, made.revision], [true, 1]);
    const changed = await store.transact(
      always(put("/k", 2), { op: "get", key: "/k" }, { op: "delete", key: "/none" }),
    );
    const entry = { key: "/k", value: 2, labels: {}, createRevision: 1, modRevision: 2, version: 2 };
    assert.deepEqual(changed.results, [entry, entry, undefined]);
    const removed = await store.transact(always({ op: "delete", key: "/k" }));
    assert.deepEqual(removed.results, [entry]);
    assert.equal(await store.get("/k"), undefined);
    const again = await store.transact(always(put("/k", 3)));
    assert.equal(again.results[0]?.createRevision, 4);
    assert.equal(again.results[0]?.version, 1);
  });

  test(`${name}: what writes nothing does not move the revision`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    await store.transact(always(put("/k")));
    const nothing: Transaction[] = [
      always(),
      always({ op: "get", key: "/k" }),
      always({ op: "delete", key: "/none" }, { op: "delete-prefix", prefix: "/nothing/" }),
      { compare: [{ key: "/k", version: 9 }], ...always(put("/k", 2)) },
    ];
    for (const each of nothing) assert.equal((await store.transact(each)).revision, 1);
    assert.equal(store.revision, 1);
  });

  test(`${name}: compares decide, also between transactions that are not durable yet`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const create: Transaction = {
      compare: [{ key: "/lock", modRevision: 0 }],
      ...always(put("/lock", "mine")),
      otherwise: [{ op: "get", key: "/lock" }],
    };
    const answers = await Promise.all(Array.from({ length: 20 }, () => store.transact(create)));
    assert.equal(answers.filter((answer) => answer.succeeded).length, 1);
    assert.equal(answers[19]?.results[0]?.modRevision, 1);
    const same = await store.transact({ compare: [{ key: "/lock", value: "mine", version: 1 }], ...always(put("/b")) });
    assert.equal(same.succeeded, true);
    const other = await store.transact({ compare: [{ key: "/lock", value: { mine: 1 } }], ...always(put("/b")) });
    assert.equal(other.succeeded, false);
  });

  test(`${name}: what is stored cannot be changed from outside`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const value = { list: [1, 2], __proto__: null, deep: { "a.b": "$c" } };
    await store.transact(always(put("/k", value)));
    value.list.push(3);
    const entry = (await store.get("/k")) as Entry;
    assert.deepEqual(entry.value, { list: [1, 2], deep: { "a.b": "$c" } });
    assert.throws(() => (entry.value as { list: number[] }).list.push(4), TypeError);
    assert.throws(() => Object.assign(entry, { version: 9 }), TypeError);
  });

  test(`${name}: lists in the order of UTF-8 bytes, by pages of one revision, with selectors`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const names = ["/k/\u{1f600}", "/k/\uffee", "/k/z", "/k/a", "/k/", "/k", "/l"];
    for (const key of names) await store.transact(always(put(key, 1, { labels: key < "/k/b" ? { app: "x" } : {} })));
    const ordered = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(keysOf((await store.list({ prefix: "" })).entries), ordered);
    assert.deepEqual(keysOf((await store.list({ prefix: "/k/" })).entries), ordered.slice(1, -1));
    const first = await store.list({ prefix: "/k", limit: 2 });
    assert.deepEqual([keysOf(first.entries), first.next], [ordered.slice(0, 2), ordered[1]]);
    await store.transact(always(put("/k/b"), { op: "delete", key: "/k/a" }));
    const rest = await store.list({ prefix: "/k", after: first.next as string, revision: first.revision });
    assert.deepEqual([keysOf(rest.entries), rest.next], [ordered.slice(2, -1), undefined]);
    const labelled = await store.list({ prefix: "", selector: [{ key: "app", in: ["x", "y"] }] });
    assert.deepEqual(keysOf(labelled.entries), ["/k", "/k/"]);
  });
}

function checkRefusals(name: string, newSite: () => Promise<StoreSite>): void {
  test(`${name}: refuses what cannot be right and changes nothing`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const { maxKeyBytes, maxTransactionOps, maxTransactionBytes } = LIMITS.store;
    const labels = Object.fromEntries(Array.from({ length: LIMITS.resource.maxLabels + 1 }, (_, i) => [`l${i}`, ""]));
    let deep: Json = 0;
    for (let i = 0; i < 1000; i++) deep = [deep];
    const wrong: Transaction[] = [
      always(put("")),
      always(put("/\ud800")),
      always(put("k".repeat(maxKeyBytes + 1))),
      always(put("é".repeat(maxKeyBytes / 2 + 1))),
      always(put("/k", Number.NaN)),
      always(put("/k", new Date() as unknown as Json)),
      always(put("/k", [undefined] as unknown as Json)),
      always(put("/k", deep)),
      always(put("/k", 1, { labels })),
      always(put("/k"), { op: "delete", key: "/k" }),
      always({ op: "delete-prefix", prefix: "/" }, put("/k")),
      always({ op: "increment", key: "/k" } as unknown as Op),
      always(...Array.from({ length: maxTransactionOps + 1 }, (_, i) => put(`/k${i}`))),
      always(put("/k", "x".repeat(maxTransactionBytes))),
      { compare: [{ key: "/k", version: -1 }], ...always() },
    ];
    for (const [i, each] of wrong.entries())
      await rejects(store.transact(each), "invalid").catch((error) => assert.fail(`${i}: ${error}`));
    await rejects(store.transact(always(put("/k", "x".repeat(maxTransactionBytes)))), "invalid/too-large");
    await rejects(store.transact(always(put("/k", 1, { lease: "none" }))), "not_found");
    await rejects(store.list({ prefix: "", limit: 0 }), "invalid");
    await rejects(store.list({ prefix: "", selector: [{ key: "a" }] as never }), "invalid");
    await rejects(store.get("/k", { revision: 1 }), "invalid");
    await rejects(store.compact(1), "invalid");
    assert.equal(store.revision, 0);
    assert.equal((await store.transact(always(put("k".repeat(maxKeyBytes))))).revision, 1);
  });

  test(`${name}: a burst beyond the queue's bound is refused, the rest is done`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const most = LIMITS.store.maxPendingTransactions;
    const answers = await Promise.allSettled(
      Array.from({ length: most + 5 }, (_, i) => store.transact(always(put(`/k/${i % 50}`, i)))),
    );
    const refused = answers.filter((answer) => answer.status === "rejected");
    assert.equal(refused.length, 5);
    for (const answer of refused) assert.ok(isError(answer.reason, "exhausted/overload"));
    assert.equal(store.revision, most);
  });

  test(`${name}: a closed store takes no writes`, async () => {
    await using site = await newSite();
    const store = await site.open();
    const last = store.transact(always(put("/k")));
    await store[Symbol.asyncDispose]();
    assert.equal((await last).revision, 1);
    await rejects(store.transact(always(put("/k"))), "unavailable/closed");
    await store[Symbol.asyncDispose]();
  });
}

function checkHistory(name: string, newSite: () => Promise<StoreSite>): void {
  test(`${name}: everything is there after a restart, also the history`, async () => {
    await using site = await newSite();
    const store = await site.open();
    for (let i = 1; i <= 30; i++) await store.transact(always(put(`/k/${i % 7}`, { i, text: "ä\n\u{1f600}\u2028" })));
    await store.transact(always({ op: "delete-prefix", prefix: "/k/3" }));
    const pages = await Promise.all(Array.from({ length: 32 }, (_, revision) => store.list({ prefix: "", revision })));
    await store[Symbol.asyncDispose]();
    await using again = await site.open();
    assert.equal(again.revision, 31);
    for (const [revision, page] of pages.entries()) assert.deepEqual(await again.list({ prefix: "", revision }), page);
    assert.equal((await again.transact(always(put("/k/1")))).revision, 32);
  });

  test(`${name}: compaction keeps what reads at or after it need, also after a restart`, async () => {
    await using site = await newSite();
    const store = await site.open();
    for (let i = 1; i <= 20; i++) await store.transact(always(put(`/k/${i % 3}`, i), put("/same", i)));
    await store.transact(always({ op: "delete", key: "/k/1" }));
    const pages = await Promise.all([15, 18, 21].map((revision) => store.list({ prefix: "", revision })));
    await store.compact(15);
    await store.compact(15);
    const check = async (opened: Store) => {
      for (const page of pages) assert.deepEqual(await opened.list({ prefix: "", revision: page.revision }), page);
      await rejects(opened.get("/same", { revision: 14 }), "conflict/compacted");
      await rejects(opened.compact(14), "conflict/compacted");
      assert.equal((await opened.get("/same"))?.createRevision, 1);
    };
    await check(store);
    await store[Symbol.asyncDispose]();
    const again = await site.open();
    await check(again);
    await again.compact(again.revision);
    assert.equal(await again.get("/k/1"), undefined);
    await again[Symbol.asyncDispose]();
    await using third = await site.open();
    assert.deepEqual(await third.list({ prefix: "" }), pages[2]);
  });

  test(`${name}: compacts on its own and goes on writing meanwhile`, async () => {
    await using site = await newSite();
    const store = await site.open({ keepRevisions: 20 });
    for (let i = 1; i <= 150; i++) await store.transact(always(put(`/k/${i % 5}`, i)));
    await rejects(store.get("/k/1", { revision: 10 }), "conflict/compacted");
    assert.ok(await store.get("/k/1", { revision: 131 }));
    const page = await store.list({ prefix: "" });
    await store[Symbol.asyncDispose]();
    await using again = await site.open({ keepRevisions: 20 });
    assert.deepEqual(await again.list({ prefix: "" }), page);
  });
}
