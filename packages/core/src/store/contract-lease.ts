/** What leases must do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import type { Store } from "../domain/store.ts";
import { always, keysOf, put, rejects, type StoreSite } from "./contract-site.ts";

/** Expiry is written in the background, so a test waits for its revision. */
async function reached(store: Store, revision: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (store.revision < revision) {
    assert.ok(performance.now() < deadline, `revision ${revision} never came, it is ${store.revision}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function checkLeases(name: string, newSite: () => Promise<StoreSite>): void {
  test(`${name}: the keys of a lease go in one transaction when it ends`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const lease = await store.grantLease(5000);
    assert.equal(store.revision, 0, "a grant is no revision");
    await store.transact(always(put("/k/1", 1, { lease: lease.id }), put("/k/2", 1, { lease: lease.id }), put("/k/3")));
    await store.transact(always(put("/k/2", 2)));
    await store.transact(always(put("/k/4", 1, { lease: lease.id })));
    await site.clock.advance(4000);
    await store.keepLeaseAlive(lease.id);
    await site.clock.advance(4999);
    assert.equal(store.revision, 3);
    await site.clock.advance(1);
    await reached(store, 4);
    assert.deepEqual(keysOf((await store.list({ prefix: "" })).entries), ["/k/2", "/k/3"]);
    await rejects(store.keepLeaseAlive(lease.id), "not_found");
    await rejects(store.revokeLease(lease.id), "not_found");
    assert.equal(site.clock.sleepers, 0, "no lease, no timer");
  });

  test(`${name}: leases end in their order, and revoking does not wait`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const long = await store.grantLease(60_000);
    const short = await store.grantLease(2000);
    const revoked = await store.grantLease(60_000);
    for (const lease of [long, short, revoked])
      await store.transact(always(put(`/${lease.id}`, 1, { lease: lease.id })));
    await store.revokeLease(revoked.id);
    assert.equal(await store.get(`/${revoked.id}`), undefined);
    await site.clock.advance(2000);
    await reached(store, 5);
    assert.deepEqual(keysOf((await store.list({ prefix: "" })).entries), [`/${long.id}`]);
    const { minLeaseMs, maxLeaseMs } = LIMITS.store;
    for (const ttlMs of [minLeaseMs - 1, maxLeaseMs + 1, Number.NaN]) await rejects(store.grantLease(ttlMs), "invalid");
  });

  test(`${name}: after a restart and a compaction a lease has its whole time again`, async () => {
    await using site = await newSite();
    const store = await site.open();
    const lease = await store.grantLease(10_000);
    const ended = await store.grantLease(10_000);
    await store.transact(always(put("/k", 1, { lease: lease.id }), put("/gone", 1, { lease: ended.id })));
    await store.revokeLease(ended.id);
    for (let i = 0; i < 5; i++) await store.transact(always(put("/other", i)));
    await store.compact(store.revision);
    await site.clock.advance(9000);
    await store[Symbol.asyncDispose]();
    assert.equal(site.clock.sleepers, 0, "a closed store leaves no timer");
    await using again = await site.open();
    await rejects(again.keepLeaseAlive(ended.id), "not_found");
    assert.equal((await again.get("/k"))?.lease, lease.id);
    const revision = again.revision;
    await site.clock.advance(9999);
    assert.equal(again.revision, revision);
    await site.clock.advance(1);
    await reached(again, revision + 1);
    assert.equal(await again.get("/k"), undefined);
  });
}
