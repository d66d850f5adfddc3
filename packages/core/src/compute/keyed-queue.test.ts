import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyedQueue } from "./keyed-queue.ts";

/** Work that goes on until it is told to end. */
function world() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const failed: string[] = [];
  const queue = new KeyedQueue({
    most: 4,
    mostOfGroup: 2,
    groupOf: (key) => key[0] ?? "",
    work: (key) => {
      begun.push(key);
      if (key.endsWith("!")) throw new Error("broken");
      return new Promise((resolve) => ends.set(key, resolve));
    },
    onError: (key) => failed.push(key),
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (key: string) => {
    ends.get(key)?.();
    await turn();
  };
  return { queue, begun, failed, end, turn };
}

test("one group's slow work leaves room for the others, in their order", async () => {
  const { queue, begun, end } = world();
  for (const key of ["a1", "a2", "a3", "a4", "b1", "b2", "c1", "b3"]) void queue.add(key);
  assert.deepEqual(begun, ["a1", "a2", "b1", "b2"]);
  await end("b1");
  assert.deepEqual(begun.slice(4), ["c1"], "a has what it may have: the first of others");
  await end("a1");
  await end("a2");
  assert.deepEqual(begun.slice(5), ["a3", "a4"]);
  await end("b2");
  assert.deepEqual(begun.slice(7), ["b3"]);
});

test("a key is worked on by one hand, and once more when it was added meanwhile", async () => {
  const { queue, begun, end } = world();
  const first = queue.add("a1");
  void queue.add("a1");
  void queue.add("a1");
  assert.deepEqual(begun, ["a1"]);
  await end("a1");
  assert.deepEqual(begun, ["a1", "a1"]);
  await end("a1");
  await first;
  assert.deepEqual(begun, ["a1", "a1"]);
});

test("work that fails frees its place, and what waits when it is closed does not begin", async () => {
  const { queue, begun, failed, end } = world();
  await queue.add("a!");
  assert.deepEqual(failed, ["a!"]);
  for (const key of ["a1", "a2", "a3"]) void queue.add(key);
  const closed = queue.close();
  await end("a1");
  await end("a2");
  await closed;
  assert.deepEqual(begun, ["a!", "a1", "a2"]);
});
