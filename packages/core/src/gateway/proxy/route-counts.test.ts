import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { LATENCY_MS, latencyBucketOf, ROUTE_LATENCY_MS } from "./latency.ts";
import { RouteCounts } from "./route-counts.ts";

const ended = { status: 200, durationMs: 1, bytesIn: 3, bytesOut: 5, error: undefined };

test("a duration is in the first bucket whose bound it keeps; two bounds that follow are less than 5 % apart", () => {
  for (const [at, upper] of LATENCY_MS.entries()) {
    const lower = LATENCY_MS[at - 1];
    deepEqual([latencyBucketOf(upper), latencyBucketOf(upper * 1.0001)], [at, at + 1]);
    if (lower !== undefined) ok(upper / lower < 1.05);
  }
});

test("the middle of its bucket is within 5 % of any duration from a tenth of a millisecond to ten seconds", () => {
  const counts = new RouteCounts();
  for (let durationMs = 0.1001; durationMs < 10_000; durationMs *= 1.003) {
    const route = counts.of("a");
    route.begin();
    route.end({ ...ended, durationMs });
    const [bucket = -1, count] = counts.news(1)["a"]?.latency ?? [];
    const [lower, upper] = [ROUTE_LATENCY_MS[bucket - 1] ?? 0, ROUTE_LATENCY_MS[bucket] ?? 0];
    equal(count, 1);
    ok(lower < durationMs && durationMs <= upper, `${durationMs} is not in ${lower} to ${upper}`);
    ok(Math.abs(Math.sqrt(lower * upper) / durationMs - 1) < 0.05);
  }
  for (const durationMs of [0, 0.1, ...ROUTE_LATENCY_MS, 1e9]) counts.of("a").end({ ...ended, durationMs });
  const { latency } = counts.news(1)["a"] ?? { latency: [] };
  deepEqual(
    [latency.slice(0, 4), latency.slice(-4)],
    [
      [0, 3, 1, 1],
      [121, 1, 122, 1],
    ],
  );
});

test("what is new is told once, of the routes that waited longest, and of none that is gone", () => {
  const counts = new RouteCounts();
  for (const id of ["a", "b", "c", "d"]) counts.of(id).begin();
  counts.of("a").end({ ...ended, status: 502, error: "unavailable/upstream" });
  counts.of("c").end({ ...ended, status: 101 });
  const under = counts.of("b");
  counts.forget({ put: [], remove: ["b"] });
  const nothing = {
    byClass: [0, 0, 0, 0, 0, 0],
    bytesIn: 0,
    bytesOut: 0,
    latencySumMs: 0,
    latency: [],
    errors: {},
    failed: 0,
  };
  const bytes = { bytesIn: 3, bytesOut: 5, inFlight: 0 };
  const failed = {
    byClass: [0, 0, 0, 0, 0, 1],
    latencySumMs: 1,
    latency: [25, 1],
    errors: { "unavailable/upstream": 1 },
    failed: 1,
  };
  deepEqual(counts.news(2), {
    a: { ...bytes, ...failed },
    c: { ...nothing, ...bytes, byClass: [0, 1, 0, 0, 0, 0] },
  });
  under.end(ended);
  deepEqual(counts.news(2), { d: { ...nothing, inFlight: 1 } });
  deepEqual(counts.news(2), {});
  counts.of("a").begin();
  deepEqual(counts.news(2), { a: { ...nothing, inFlight: 1 } });
  counts.of("d").end({ ...ended, status: 0, error: "aborted" });
  equal(counts.news(2)["d"]?.inFlight, 0);
});
