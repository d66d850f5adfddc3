import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Breaker } from "./breaker.ts";
import { UpstreamState } from "./state.ts";

const RULES = {
  failures: 3,
  ratioPercent: 50,
  windowMs: 1000,
  minRequests: 10,
  openMs: 100,
  maxOpenMs: 300,
  probes: 2,
};

test("a breaker opens on failures in a row, lets a few through after a while, and closes when these succeed", () => {
  const breaker = new Breaker(RULES);
  breaker.fail(0);
  breaker.fail(0);
  breaker.succeed(0);
  breaker.fail(1);
  breaker.fail(2);
  equal(breaker.stateAt(2), "closed");
  breaker.fail(3);
  deepEqual([breaker.stateAt(3), breaker.lets(3)], ["open", false]);
  // What began before it opened comes to its end.
  breaker.succeed(50);
  breaker.fail(60);
  deepEqual([breaker.stateAt(102), breaker.stateAt(103)], ["open", "half-open"]);
  for (const lets of [true, true, false]) {
    equal(breaker.lets(103), lets);
    breaker.begin(103);
  }
  breaker.succeed(110);
  equal(breaker.stateAt(110), "half-open");
  breaker.succeed(111);
  deepEqual([breaker.stateAt(111), breaker.lets(111)], ["closed", true]);
});

test("a breaker that opens again stays open for longer, to a bound; closed once, it begins anew", () => {
  const breaker = new Breaker(RULES);
  for (let at = 0; at < 3; at++) breaker.fail(0);
  let nowMs = 0;
  for (const openMs of [100, 200, 300, 300]) {
    equal(breaker.untilMs, nowMs + openMs);
    nowMs = breaker.untilMs;
    breaker.begin(nowMs);
    breaker.fail(nowMs);
  }
  nowMs = breaker.untilMs;
  breaker.succeed(nowMs);
  breaker.succeed(nowMs);
  for (let at = 0; at < 3; at++) breaker.fail(nowMs);
  equal(breaker.untilMs, nowMs + 100);
});

test("a share of failures opens it when there are enough requests, and what is long ago does not count", () => {
  const breaker = new Breaker({ ...RULES, failures: 1000 });
  for (let at = 0; at < 4; at++) {
    breaker.fail(0);
    breaker.succeed(0);
  }
  equal(breaker.stateAt(0), "closed");
  breaker.succeed(0);
  breaker.fail(0);
  equal(breaker.stateAt(0), "open");
  const old = new Breaker({ ...RULES, failures: 1000 });
  for (let at = 0; at < 9; at++) old.fail(0);
  for (let at = 0; at < 9; at++) old.succeed(2000);
  old.fail(2000);
  equal(old.stateAt(2000), "closed");
});

test("a probe that is never heard of again, or whose client goes away, does not keep it shut", () => {
  const breaker = new Breaker({ ...RULES, probes: 1 });
  for (let at = 0; at < 3; at++) breaker.fail(0);
  breaker.begin(100);
  equal(breaker.lets(150), false);
  breaker.forget();
  ok(breaker.lets(150));
  breaker.begin(150);
  deepEqual([breaker.lets(249), breaker.lets(250)], [false, true]);
});

const CARE = { ejection: { failures: 2, baseMs: 100, maxPercent: 50 } };

function upstreamOf(count: number, care = CARE): UpstreamState {
  const state = new UpstreamState("u", 0);
  for (let at = 0; at < count; at++) state.backend(String(at), "place", care, 0);
  return state;
}

test("those that fail in a row are ejected, up to a share of them and never all, for longer each time", () => {
  const fail = (state: UpstreamState, nowMs: number) => {
    for (const one of state.backends) {
      for (let at = 0; at < 2; at++) {
        one.begin(nowMs);
        one.answered(503, 1, nowMs);
        one.end(undefined, nowMs);
      }
    }
    return [...state.backends].filter((one) => !one.isEligible(nowMs)).length;
  };
  deepEqual(
    [1, 2, 3, 4, 10].map((count) => fail(upstreamOf(count), 0)),
    [0, 1, 1, 2, 5],
  );
  const all = { ejection: { ...CARE.ejection, maxPercent: 100 } };
  deepEqual(
    [1, 2, 5].map((count) => fail(upstreamOf(count, all), 0)),
    [0, 1, 4],
  );
  const [first] = upstreamOf(2).backends;
  for (const [from, until] of [
    [0, 100],
    [100, 300],
    [300, 600],
  ] as const) {
    for (let at = 0; at < 2; at++) first?.answered(500, 1, from);
    deepEqual([first?.isEligible(until - 1), first?.isEligible(until)], [false, true]);
  }
});

test("one that comes back, or is new beside others, gets a weight that grows", () => {
  const care = { ...CARE, slowStartMs: 1000 };
  const state = upstreamOf(2, care);
  const [first] = state.backends;
  equal(first?.shareAt(0), 1);
  for (let at = 0; at < 2; at++) first?.answered(500, 1, 0);
  deepEqual(
    [100, 600, 1099, 1100].map((nowMs) => first?.shareAt(nowMs)),
    [0.1, 0.5, 0.999, 1],
  );
  const late = state.backend("late", "place", care, 5000);
  deepEqual([late.shareAt(5000), late.shareAt(5500), late.shareAt(6000)], [0.1, 0.5, 1]);
});

test("another rule changes nothing of what is known; without one nothing is", () => {
  const state = upstreamOf(2);
  const [first] = state.backends;
  for (let at = 0; at < 2; at++) first?.answered(500, 1, 0);
  state.backend("0", "place", { ejection: { failures: 9 } }, 50);
  equal(first?.isEligible(50), false);
  state.backend("0", "place", undefined, 50);
  equal(first?.isEligible(50), true);
});

test("a breaker whose window has become longer forgets as before", () => {
  const breaker = new Breaker({ ...RULES, failures: 100 });
  let nowMs = 10_000_000;
  for (let at = 0; at < 10; at++) breaker.succeed(nowMs);
  breaker.rules = { ...RULES, failures: 100, windowMs: 10_000 };
  for (let at = 0; at < 9; at++) breaker.fail(nowMs);
  nowMs += 60_000;
  for (let at = 0; at < 8; at++) breaker.fail(nowMs);
  equal(breaker.stateAt(nowMs), "closed");
});
