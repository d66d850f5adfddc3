/** What watches must do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import type { WatchEvent } from "../domain/store.ts";
import { always, put, rejects, type StoreSite } from "./contract-site.ts";

const tell = (event: WatchEvent | undefined): string => {
  if (!event) return "end";
  if (event.type === "progress") return `progress@${event.revision}`;
  const more = event.more === true ? "+" : "";
  return `${event.type} ${event.type === "put" ? event.entry.key : event.key}@${event.revision}${more}`;
};

/** The next events of a watch, as short texts. */
async function take(iterator: AsyncIterator<WatchEvent>, count: number): Promise<string[]> {
  const told: string[] = [];
  while (told.length < count) {
    const { done, value } = await iterator.next();
    told.push(tell(done ? undefined : value));
    if (done) break;
  }
  return told;
}

const begin = (iterable: AsyncIterable<WatchEvent>): AsyncIterator<WatchEvent> => iterable[Symbol.asyncIterator]();

export function checkWatches(name: string, newSite: () => Promise<StoreSite>): void {
  checkOrder(name, newSite);
  checkEnds(name, newSite);
  checkProgress(name, newSite);
}

function checkOrder(name: string, newSite: () => Promise<StoreSite>): void {
  test(`${name}: a watch replays history and goes on live, also across a restart`, async () => {
    await using site = await newSite();
    const store = await site.open();
    await store.transact(always(put("/a/1"), put("/b/1")));
    await store.transact(always(put("/a/2")));
    const watch = begin(store.watch({ prefix: "/a/", from: 1 }));
    assert.deepEqual(await take(watch, 1), ["put /a/1@1"]);
    await store.transact(always({ op: "delete-prefix", prefix: "/a/" }, put("/c")));
    assert.deepEqual(await take(watch, 3), ["put /a/2@2", "delete /a/1@3+", "delete /a/2@3"]);
    await store[Symbol.asyncDispose]();
    assert.deepEqual(await take(watch, 1), ["end"]);
    await using again = await site.open();
    const old = begin(again.watch({ prefix: "/a/", from: 2 }));
    await again.transact(always(put("/a/9")));
    assert.deepEqual(await take(old, 4), ["put /a/2@2", "delete /a/1@3+", "delete /a/2@3", "put /a/9@4"]);
    await old.return?.();
  });

  test(`${name}: without a revision a watch begins when it is asked for`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    await store.transact(always(put("/a")));
    const watch = store.watch({ prefix: "" });
    await store.transact(always(put("/b")));
    const iterator = begin(watch);
    const next = take(iterator, 2);
    await store.transact(always(put("/c")));
    assert.deepEqual(await next, ["put /b@2", "put /c@3"]);
    await iterator.return?.();
  });

  test(`${name}: many watchers see the same under concurrent writes`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const watches = Array.from({ length: 10 }, () => begin(store.watch({ prefix: "/k/", from: 1 })));
    const seen = Promise.all(watches.map((watch) => take(watch, 300)));
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => store.transact(always(put(`/k/${i % 9}`, i), put("/other", i)))),
    );
    const expected = Array.from({ length: 300 }, (_, i) => `put /k/${i % 9}@${i + 1}`);
    for (const each of await seen) assert.deepEqual(each, expected);
    for (const watch of watches) await watch.return?.();
  });
}

function checkEnds(name: string, newSite: () => Promise<StoreSite>): void {
  test(`${name}: a watch from a compacted revision is refused`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    for (let i = 0; i < 5; i++) await store.transact(always(put("/k", i)));
    const slow = begin(store.watch({ prefix: "", from: 1 }));
    assert.deepEqual(await take(slow, 1), ["put /k@1"]);
    await store.compact(4);
    await rejects(begin(store.watch({ prefix: "", from: 3 })).next(), "conflict/compacted");
    await rejects(slow.next(), "conflict/compacted");
    assert.deepEqual(await take(slow, 1), ["end"]);
    assert.deepEqual(await take(begin(store.watch({ prefix: "", from: 4 })), 2), ["put /k@4", "put /k@5"]);
  });

  test(`${name}: a watcher that lets too much wait is closed as compacted, the others go on`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const slow = begin(store.watch({ prefix: "/k/" }));
    const other = begin(store.watch({ prefix: "/l/" }));
    const most = LIMITS.store.maxWatchBufferEvents;
    const perTransaction = LIMITS.store.maxTransactionOps;
    for (let written = 0; written <= most; written += perTransaction) {
      await store.transact(always(...Array.from({ length: perTransaction }, (_, i) => put(`/k/${i}`, written))));
    }
    await rejects(slow.next(), "conflict/compacted");
    await store.transact(always(put("/l/1")));
    assert.match((await take(other, 1))[0] ?? "", /^put \/l\/1@/);
    await other.return?.();
  });

  test(`${name}: a watch ends with its signal, with its reader, and there are only so many`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    const abort = new AbortController();
    const aborted = take(begin(store.watch({ prefix: "", signal: abort.signal })), 1);
    const returned = begin(store.watch({ prefix: "" }));
    const pending = take(returned, 1);
    const watches = Array.from({ length: LIMITS.store.maxWatchers - 2 }, () => begin(store.watch({ prefix: "" })));
    await rejects(begin(store.watch({ prefix: "" })).next(), "exhausted/overload");
    abort.abort();
    assert.deepEqual(await aborted, ["end"]);
    await returned.return?.();
    assert.deepEqual(await pending, ["end"]);
    assert.deepEqual(await take(begin(store.watch({ prefix: "", signal: abort.signal })), 1), ["end"]);
    const free = begin(store.watch({ prefix: "", from: 1 }));
    await store.transact(always(put("/k")));
    assert.deepEqual(await take(free, 1), ["put /k@1"]);
    for (const watch of [...watches, free]) await watch.return?.();
  });
}

function checkProgress(name: string, newSite: () => Promise<StoreSite>): void {
  test(`${name}: progress comes after the history and then at its pace`, async () => {
    await using site = await newSite();
    await using store = await site.open();
    await store.transact(always(put("/a")));
    await store.transact(always(put("/b")));
    const watch = begin(store.watch({ prefix: "/a", from: 1, progressMs: 1000 }));
    assert.deepEqual(await take(watch, 2), ["put /a@1", "progress@2"]);
    await store.transact(always(put("/b")));
    const next = take(watch, 1);
    await site.clock.advance(999);
    const before = await Promise.race([next, Promise.resolve("nothing yet")]);
    assert.equal(before, "nothing yet");
    await site.clock.advance(1);
    assert.deepEqual(await next, ["progress@3"]);
    await watch.return?.();
    assert.equal(site.clock.sleepers, 0, "an ended watch leaves no timer");
  });
}
