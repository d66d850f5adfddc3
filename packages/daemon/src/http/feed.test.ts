import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListEvent } from "@skerry/core/contract/dispatch/events.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { createFakeClock } from "@skerry/core/testing/fake-clock.ts";
import { createSimRandom } from "@skerry/core/testing/sim-random.ts";
import { Feed } from "./feed.ts";

const compacted = (error: unknown) => isError(error, "conflict/compacted");

function make(seed = 1) {
  const clock = createFakeClock();
  return { clock, feed: new Feed<number>({ clock, random: createSimRandom(seed) }) };
}

/** `from`: the first number of interest. */
function watch(feed: Feed<number>, from?: number, signal = new AbortController().signal) {
  const resume = from === undefined ? undefined : { revision: from, skip: 0 };
  return feed.watch<number>(resume, signal, async (item) => (item < 0 ? undefined : { type: "put", item }));
}

async function next(events: AsyncGenerator<ListEvent<number>>): Promise<number | "progress" | "end"> {
  const { done, value } = await events.next();
  return done ? "end" : value.type === "progress" ? "progress" : value.item;
}

test("what comes after a list was read comes once each, in order, and to all", async () => {
  const { feed } = make();
  const from = feed.revision + 1;
  feed.tell(1);
  const [one, two] = [watch(feed, from), watch(feed, from)];
  feed.tell(2);
  for (const events of [one, two])
    assert.deepEqual([await next(events), await next(events), await next(events)], [1, 2, "progress"]);
  const waiting = [one, two].map(next);
  await new Promise(setImmediate);
  feed.tell(3);
  assert.deepEqual(await Promise.all(waiting), [3, 3]);
});

test("what is not for a watcher is passed over, and not asked for again after a break", async () => {
  const { feed } = make();
  const events = watch(feed, feed.revision + 1);
  for (const change of [1, -1, -2]) feed.tell(change);
  assert.equal(await next(events), 1);
  const { value } = await events.next();
  assert.deepEqual(value, { type: "progress", id: String(feed.revision) });
  const again = watch(feed, Number(value?.id) + 1);
  feed.tell(2);
  assert.equal(await next(again), 2);
});

test("what is passed over shows at the next sign of life only: nobody counts the others' changes", async () => {
  const { clock, feed } = make();
  const events = watch(feed);
  assert.equal(await next(events), "progress");
  let told = 0;
  const sign = events.next().finally(() => told++);
  for (const change of [-1, -2, -3]) {
    feed.tell(change);
    await new Promise(setImmediate);
  }
  assert.equal(told, 0);
  await clock.advance(LIMITS.http.streamHeartbeatMs);
  assert.deepEqual((await sign).value, { type: "progress", id: String(feed.revision) });
});

test("a watcher that is too slow lists again; what is kept is bounded", async () => {
  const { feed } = make();
  const events = watch(feed, feed.revision + 1);
  feed.tell(0);
  assert.equal(await next(events), 0);
  const before = feed.revision;
  for (let change = 1; change <= LIMITS.http.maxFeedChanges + 1; change++) feed.tell(change);
  await assert.rejects(
    next(events).then(() => next(watch(feed, before + 1))),
    compacted,
  );
  assert.throws(() => feed.after(before), compacted);
  assert.ok(feed.after(feed.revision - LIMITS.http.maxFeedChanges / 2).length > 0);
});

test("a place of another run is not taken for one of this", async () => {
  const { feed } = make(1);
  const other = make(2).feed;
  await assert.rejects(next(watch(feed, other.revision + 1)), compacted);
  await assert.rejects(next(watch(feed, feed.revision + 2)), compacted);
});

test("a sign of life while nothing happens; it ends at once when it is told to", async () => {
  const { feed, clock } = make();
  const ended = new AbortController();
  const events = watch(feed, undefined, ended.signal);
  assert.equal(await next(events), "progress");
  const waiting = next(events);
  await new Promise(setImmediate);
  await clock.advance(LIMITS.http.streamHeartbeatMs);
  assert.equal(await waiting, "progress");
  const last = next(events);
  await new Promise(setImmediate);
  ended.abort();
  assert.equal(await last, "end");
});
