/** Who gets a request, on backends that are numbers: a seed replays it, and no clock decides. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { createSimRandom } from "../../testing/sim-random.ts";
import type { Balancer, Candidate } from "./candidate.ts";
import { quickFractions } from "./fractions.ts";
import { leastConnections } from "./least-connections.ts";
import { randomBalancer } from "./random.ts";
import { responseTimeBalancer } from "./response-time.ts";
import { hashBalancer, Ring } from "./ring.ts";
import { roundRobin } from "./round-robin.ts";
import { BackendState } from "./state.ts";

function candidates(...weights: readonly number[]): Candidate[] {
  return weights.map((weight, at) => {
    const name = `b${at}`;
    return { name, weight, state: new BackendState(name, name), isOpen: true, turn: 0 };
  });
}

const fraction = (seed: number) => quickFractions(createSimRandom(seed));

/** All are open each time, unless `closed`. Each request is over before the next. */
function count(balancer: Balancer, all: readonly Candidate[], requests: number, closed?: Candidate): number[] {
  const counts = all.map(() => 0);
  for (let n = 0; n < requests; n++) {
    for (const one of all) one.isOpen = one !== closed;
    const chosen = balancer.pick(all, `key ${n}`, 0);
    ok(chosen?.isOpen, "one that is open is chosen");
    counts[all.indexOf(chosen)] = (counts[all.indexOf(chosen)] ?? 0) + 1;
  }
  return counts;
}

/** Pearson's, against shares in proportion to the weights. */
function chiSquare(counts: readonly number[], weights: readonly number[]): number {
  const requests = counts.reduce((a, b) => a + b);
  const sum = weights.reduce((a, b) => a + b);
  return counts.reduce((all, seen, at) => {
    const expected = (requests * (weights[at] ?? 0)) / sum;
    return all + (seen - expected) ** 2 / expected;
  }, 0);
}

/** Exceeded by chance once in a thousand times, with two degrees of freedom. */
const CHI_2 = 13.82;

test("B1: in turn and by chance 3,000 requests are spread evenly over three backends", () => {
  deepEqual(count(roundRobin, candidates(1, 1, 1), 3000), [1000, 1000, 1000]);
  for (let seed = 1; seed <= 20; seed++) {
    const counts = count(randomBalancer(fraction(seed)), candidates(1, 1, 1), 3000);
    ok(chiSquare(counts, [1, 1, 1]) < CHI_2, `seed ${seed}: ${counts}`);
    ok(chiSquare(counts, [1, 1, 1]) > 0.0001, "chance is no turn");
    const weighted = count(randomBalancer(fraction(seed)), candidates(1, 2, 4), 3000);
    ok(chiSquare(weighted, [1, 2, 4]) < CHI_2, `seed ${seed}: ${weighted}`);
  }
});

test("B4: weights of 1:2:4 are kept within 3 %, in turn and by requests in flight", () => {
  for (const balancer of [roundRobin, leastConnections]) {
    const counts = count(balancer, candidates(1, 2, 4), 700);
    for (const [at, share] of [100, 200, 400].entries()) {
      ok(Math.abs((counts[at] ?? 0) - share) <= 0.03 * share, `${counts}`);
    }
  }
  // Also while requests stay: so many of each are in flight.
  const all = candidates(1, 2, 4);
  for (let n = 0; n < 70; n++) {
    for (const one of all) one.isOpen = true;
    leastConnections.pick(all, undefined, 0)?.state.begin(0);
  }
  deepEqual(
    all.map(({ state }) => state.inFlight),
    [10, 20, 40],
  );
});

test("turns are smooth: five of one, one of each other, never all five in a row", () => {
  const all = candidates(5, 1, 1);
  const order = Array.from({ length: 7 }, () => roundRobin.pick(all, undefined, 0)?.name).join(" ");
  equal(order, "b0 b0 b1 b0 b2 b0 b0");
});

test("one that is not open is never chosen, and the others share what it had", () => {
  const random = fraction(7);
  for (const make of [() => roundRobin, () => leastConnections, () => randomBalancer(random)]) {
    const all = candidates(1, 1, 2);
    const counts = count(make(), all, 600, all[2]);
    equal(counts[2], 0);
    ok(Math.min(counts[0] ?? 0, counts[1] ?? 0) > 240, `${counts}`);
  }
  const all = candidates(1, 1, 1, 1);
  const ring = new Ring(all);
  const closed = all[1];
  equal(
    count(
      hashBalancer(() => ring),
      all,
      400,
      closed,
    )[1],
    0,
  );
  for (const one of all) one.isOpen = false;
  for (const balancer of [roundRobin, leastConnections, randomBalancer(random), responseTimeBalancer(random)]) {
    equal(balancer.pick(all, "k", 0), undefined);
  }
  equal(hashBalancer(() => ring).pick(all, "k", 0), undefined);
});

test("B3: a slow backend gets fewer, when those in flight are counted", () => {
  const all = candidates(1, 1, 1);
  const [slow] = all as [Candidate];
  const served = all.map(() => 0);
  const under: { candidate: Candidate; left: number }[] = [];
  for (let tick = 0; tick < 3000; tick++) {
    for (const one of under) one.left--;
    for (const { candidate } of under.filter(({ left }) => left === 0)) candidate.state.end(undefined, tick);
    for (let i = under.length - 1; i >= 0; i--) if (under[i]?.left === 0) under.splice(i, 1);
    for (const one of all) one.isOpen = true;
    const candidate = leastConnections.pick(all, undefined, tick) as Candidate;
    candidate.state.begin(0);
    served[all.indexOf(candidate)] = (served[all.indexOf(candidate)] ?? 0) + 1;
    under.push({ candidate, left: candidate === slow ? 20 : 2 });
  }
  ok((served[0] ?? 0) < 0.4 * (served[1] ?? 0), `${served}`);
});

test("B5: with 200 ms more a backend's share falls, and comes back when it is as quick as the others", () => {
  const balancer = responseTimeBalancer(fraction(3));
  const all = candidates(1, 1, 1);
  let nowMs = 0;
  const run = (requests: number, slowMs: number) => {
    const counts = [0, 0, 0];
    for (let n = 0; n < requests; n++) {
      nowMs += 10;
      for (const one of all) one.isOpen = true;
      const chosen = balancer.pick(all, undefined, nowMs) as Candidate;
      const at = all.indexOf(chosen);
      counts[at] = (counts[at] ?? 0) + 1;
      chosen.state.begin(0);
      chosen.state.answered(200, at === 0 ? slowMs : 5 + (n % 3), nowMs);
      chosen.state.end(undefined, nowMs);
    }
    return counts;
  };
  const before = run(3000, 6);
  ok((before[0] ?? 0) > 600, `${before}`);
  const slow = run(3000, 206);
  ok((slow[0] ?? 0) < 0.1 * 3000, `${slow}`);
  ok((slow[0] ?? 0) > 0, "it is tried again now and then");
  run(3000, 6);
  const after = run(3000, 6);
  ok((after[0] ?? 0) > 600, `${after}`);
});

test("by response time a backend that fails at once is no quick one: it gets few, and is tried again", () => {
  const balancer = responseTimeBalancer(fraction(5));
  const all = candidates(1, 1, 1);
  const [failing] = all as [Candidate];
  let failed = 0;
  for (let n = 0; n < 3000; n++) {
    for (const one of all) one.isOpen = true;
    const { state } = balancer.pick(all, undefined, n * 10) as Candidate;
    state.begin(n * 10);
    if (state !== failing.state) state.answered(200, 5, n * 10);
    else failed++;
    state.end(state === failing.state ? "unavailable/upstream" : undefined, n * 10);
  }
  ok(failed > 0 && failed < 150, `${failed}`);
});

const KEYS = Array.from({ length: 10_000 }, (_, n) => `client ${n}`);

function owners(all: readonly Candidate[]): Map<string, string | undefined> {
  const ring = new Ring(all);
  return new Map(KEYS.map((key) => [key, ring.find(key, all)?.name]));
}

test("B2: of ten backends one goes: its keys move and no others, at most 15 % of all", () => {
  const ten = candidates(...new Array<number>(10).fill(1));
  const before = owners(ten);
  const nine = ten.filter(({ name }) => name !== "b3");
  const after = owners(nine);
  const moved = KEYS.filter((key) => before.get(key) !== after.get(key));
  ok(moved.length <= 0.15 * KEYS.length, `${moved.length}`);
  ok(moved.length >= 0.05 * KEYS.length, `${moved.length}`);
  equal(moved.filter((key) => before.get(key) !== "b3").length, 0, "keys of others stay");
  // Down, and still declared: the same keys move.
  const ring = new Ring(ten);
  for (const one of ten) one.isOpen = one.name !== "b3";
  const down = KEYS.filter((key) => ring.find(key, ten)?.name !== before.get(key));
  equal(down.length, moved.length);
});

test("weights are shares of the circle, and no backend of ten has twice its own", () => {
  const shares = (weights: readonly number[]) => {
    const counts = new Map<string | undefined, number>();
    for (const name of owners(candidates(...weights)).values()) counts.set(name, (counts.get(name) ?? 0) + 1);
    return weights.map((_, at) => counts.get(`b${at}`) ?? 0);
  };
  const even = shares(new Array<number>(10).fill(1));
  ok(Math.max(...even) < 2000 && Math.min(...even) > 500, `${even}`);
  const [one = 0, two = 0, four = 0] = shares([1, 2, 4]);
  ok(two > 1.5 * one && two < 2.6 * one && four > 3 * one && four < 5.4 * one, `${[one, two, four]}`);
});

test("one key that all ask for does not fill one backend: beyond a quarter more than its share the next ones help", () => {
  const all = candidates(1, 1, 1, 1);
  const ring = new Ring(all);
  const balancer = hashBalancer(() => ring);
  for (let n = 0; n < 100; n++) {
    for (const one of all) one.isOpen = true;
    balancer.pick(all, "hot", 0)?.state.begin(0);
  }
  const loads = all.map(({ state }) => state.inFlight);
  ok(Math.max(...loads) <= Math.ceil(1.25 * 25), `${loads}`);
  equal(
    loads.reduce((a, b) => a + b),
    100,
  );
  // Nothing in flight: one backend again.
  const idle = candidates(1, 1, 1, 1);
  const counts = new Set(Array.from({ length: 50 }, () => balancer.pick(idle, "hot", 0)?.name));
  equal(counts.size, 1);
});
