/** Resolving names: slow, failing, missing ones, and many. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { Deadlines } from "./deadlines.ts";
import { type NameLimits, Names } from "./names.ts";

/** A resolver of which a test decides everything, time too. */
class World {
  nowMs = 1_000_000;
  readonly deadlines = new Deadlines();
  readonly names: Names;
  readonly asked: string[] = [];
  #open: PromiseWithResolvers<readonly string[]>[] = [];

  constructor(limits: Partial<NameLimits> = {}) {
    this.names = new Names({
      limits: { ...LIMITS.proxy, ...limits },
      deadlines: this.deadlines,
      nowMs: () => this.nowMs,
      resolve: (host) => {
        this.asked.push(host);
        const answer = Promise.withResolvers<readonly string[]>();
        this.#open.push(answer);
        return answer.promise;
      },
    });
  }

  answer(...addresses: string[]): void {
    this.#open.shift()?.resolve(addresses);
  }

  fail(code: string): void {
    this.#open.shift()?.reject(Object.assign(new Error(code), { code }));
  }

  async pass(ms: number): Promise<void> {
    await settle();
    this.nowMs += ms;
    this.deadlines.sweep(this.nowMs);
    await settle();
  }

  async learn(host: string, address: string): Promise<void> {
    const found = this.names.find(host);
    await settle();
    this.answer(address);
    deepEqual(await found, [address]);
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
const { nameMs, staleNameMs, lookupMs, stalePatienceMs, missingNameMs } = LIMITS.proxy;

test("a name is resolved once for all who ask at once, and again after a while", async () => {
  const world = new World();
  const all = [1, 2, 3].map(() => world.names.find("a.example"));
  await settle();
  world.answer("10.0.0.1");
  deepEqual(await Promise.all(all), [["10.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]]);
  deepEqual(await world.names.find("a.example"), ["10.0.0.1"]);
  equal(world.asked.length, 1);
  await world.pass(nameMs);
  await world.learn("a.example", "10.0.0.2");
  equal(world.asked.length, 2);
});

test("a slow name has an end in time, and holds nobody else's", async () => {
  const world = new World({ maxLookups: 2 });
  const slow = rejects(world.names.find("slow.example"), { code: "unavailable", reason: "connect-timeout" });
  await settle();
  const again = rejects(world.names.find("slow.example"), { code: "unavailable", reason: "connect-timeout" });
  const good = rejects(world.names.find("good.example"), { code: "unavailable", reason: "connect-timeout" });
  await settle();
  deepEqual(world.asked, ["slow.example", "good.example"]);
  await world.pass(lookupMs);
  await slow;
  await again;
  await good;
  // It is still being resolved: what comes late is of use.
  world.answer("10.0.0.9");
  world.answer("10.0.0.1");
  await settle();
  deepEqual(await world.names.find("slow.example"), ["10.0.0.9"]);
  deepEqual(await world.names.find("good.example"), ["10.0.0.1"]);
  equal(world.asked.length, 2);
});

test("no more than so many at once; more wait, and then no more are taken", async () => {
  const world = new World({ maxLookups: 2, maxWaitingLookups: 1 });
  const found = ["a", "b", "c"].map((host) => world.names.find(host));
  await settle();
  deepEqual(world.asked, ["a", "b"]);
  await rejects(world.names.find("d"), { code: "exhausted", reason: "overload" });
  world.answer("10.0.0.1");
  await settle();
  deepEqual(world.asked, ["a", "b", "c"]);
  world.answer("10.0.0.2");
  world.answer("10.0.0.3");
  deepEqual(await Promise.all(found), [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"]]);
});

test("a resolver that is slow or down does not take away what was right", async () => {
  const world = new World();
  await world.learn("a.example", "10.0.0.1");
  await world.pass(nameMs);
  const slow = world.names.find("a.example");
  await world.pass(stalePatienceMs);
  deepEqual(await slow, ["10.0.0.1"]);
  world.fail("EAI_AGAIN");
  await settle();
  deepEqual(await world.names.find("a.example"), ["10.0.0.1"], "right after the failure");
  await world.pass(staleNameMs);
  const late = rejects(world.names.find("a.example"), { code: "unavailable", reason: "upstream" });
  await settle();
  world.fail("EAI_AGAIN");
  await late;
});

test("a name that is gone is gone, and is not asked for at each request", async () => {
  const world = new World();
  await world.learn("a.example", "10.0.0.1");
  await world.pass(nameMs);
  for (const _ of [1, 2]) {
    const gone = rejects(world.names.find("a.example"), /no address/);
    await settle();
    world.fail("ENOTFOUND");
    await gone;
    await rejects(world.names.find("a.example"), /no address/);
    await world.pass(missingNameMs);
  }
  equal(world.asked.length, 3);
});

test("so many names are remembered", async () => {
  const world = new World({ maxNames: 2 });
  for (const host of ["a", "b", "c"]) await world.learn(host, "10.0.0.1");
  await world.names.find("c");
  deepEqual(world.asked, ["a", "b", "c"]);
  await world.learn("a", "10.0.0.2");
  deepEqual(world.asked, ["a", "b", "c", "a"]);
});
