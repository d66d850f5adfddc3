import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "./fake-clock.ts";

test("sleepers wake in the order in which they are due, each at its own time", async () => {
  const clock = createFakeClock(1_000);
  const woken: string[] = [];
  const sleep = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push(`${name}@${clock.monotonicMs()}`);
  };
  void sleep("late", 30);
  void sleep("early", 10).then(() => sleep("again", 5));
  await clock.advance(20);
  assert.deepEqual(woken, ["early@10", "again@15"]);
  assert.equal(clock.sleepers, 1);
  await clock.advance(10);
  assert.deepEqual(woken, ["early@10", "again@15", "late@30"]);
  assert.equal(clock.wallMs(), 1_030);
});

test("an aborted sleep rejects with the reason and is forgotten", async () => {
  const clock = createFakeClock();
  const abort = new AbortController();
  const sleep = clock.sleep(10, abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(sleep, /enough/);
  await assert.rejects(clock.sleep(1, abort.signal), /enough/);
  assert.equal(clock.sleepers, 0);
});

test("the wall clock may jump; the monotonic one does not", async () => {
  const clock = createFakeClock();
  clock.setWall(5);
  assert.equal(clock.wallMs(), 5);
  assert.equal(clock.monotonicMs(), 0);
});
