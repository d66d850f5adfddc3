import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { firstMade } from "./first.ts";

/** Attempts of which a test decides the end, and time that passes when it says so. */
class World {
  readonly log: string[] = [];
  readonly ends = new Map<string, PromiseWithResolvers<string>>();
  #run: (() => void) | undefined;

  readonly made = (...addresses: string[]): Promise<string> =>
    firstMade(
      addresses,
      (address) => {
        this.log.push(`try ${address}`);
        const end = Promise.withResolvers<string>();
        this.ends.set(address, end);
        return { made: end.promise, callOff: () => this.log.push(`call off ${address}`) };
      },
      (run) => {
        this.#run = run;
        return () => {
          this.#run = undefined;
        };
      },
    );

  pass(): void {
    const run = this.#run;
    this.#run = undefined;
    run?.();
  }
}

test("the next is tried when one says nothing, and the first that is made wins", async () => {
  const world = new World();
  const made = world.made("a", "b", "c");
  deepEqual(world.log, ["try a"]);
  world.pass();
  world.ends.get("b")?.resolve("b");
  equal(await made, "b");
  world.pass();
  deepEqual(world.log, ["try a", "try b", "call off a"]);
  // It comes too late.
  world.ends.get("a")?.resolve("a");
  await made;
  await new Promise((resolve) => setImmediate(resolve));
  deepEqual(world.log.at(-1), "call off a");
  equal(world.log.length, 4);
});

test("the next is tried at once when one fails; the first failure is told when all do", async () => {
  const world = new World();
  const made = rejects(world.made("a", "b"), /refused a/);
  world.ends.get("a")?.reject(new Error("refused a"));
  await new Promise((resolve) => setImmediate(resolve));
  deepEqual(world.log, ["try a", "try b"]);
  world.ends.get("b")?.reject(new Error("refused b"));
  await made;
});

test("one that fails while the last still tries is not the end", async () => {
  const world = new World();
  const made = world.made("a", "b");
  world.pass();
  world.ends.get("a")?.reject(new Error("refused a"));
  await new Promise((resolve) => setImmediate(resolve));
  world.ends.get("b")?.resolve("b");
  equal(await made, "b");
});
