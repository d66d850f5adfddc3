import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedCall } from "./shared-call.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Calls that the test ends. */
function calls() {
  const running: PromiseWithResolvers<number>[] = [];
  const shared = new SharedCall(() => {
    const one = Promise.withResolvers<number>();
    running.push(one);
    return one.promise;
  });
  return { running, shared };
}

test("one call runs at a time, and nobody gets what was true before they asked", async () => {
  const { running, shared } = calls();
  const first = [shared.get(), shared.get()];
  await turn();
  assert.equal(running.length, 1);
  const later = Array.from({ length: 100 }, () => shared.get());
  await turn();
  assert.equal(running.length, 1, "it began before they asked, and they wait");
  running[0]?.resolve(1);
  assert.deepEqual(await Promise.all(first), [1, 1]);
  await turn();
  running[1]?.resolve(2);
  assert.deepEqual(new Set(await Promise.all(later)), new Set([2]));
  assert.equal(running.length, 2);
});

test("one that fails fails for those who wait for it, and for nobody after", async () => {
  const { running, shared } = calls();
  const first = assert.rejects(shared.get(), { message: "gone" });
  await turn();
  const second = shared.get();
  running[0]?.reject(new Error("gone"));
  await first;
  await turn();
  running[1]?.resolve(2);
  assert.equal(await second, 2);
});
