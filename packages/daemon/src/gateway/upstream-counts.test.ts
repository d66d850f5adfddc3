import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { UpstreamCounts } from "./upstream-counts.ts";

const told = (requests: number, failures: number, inFlight: number, ewmaMs: number) => ({
  u: { a: { requests, failures, inFlight, ewmaMs } },
});

test("counts of workers add up, and are not lost with a worker or when one begins anew", () => {
  const counts = new UpstreamCounts();
  equal(counts.of("u", "a"), undefined);
  const [one, two] = [{}, {}];
  counts.onCounters(one, told(10, 1, 2, 4));
  counts.onCounters(two, told(5, 0, 1, 0));
  deepEqual(counts.of("u", "a"), { requests: 15, failures: 1, inFlight: 3, ewmaMs: 4 });
  counts.onCounters(two, told(7, 0, 0, 8));
  deepEqual(counts.of("u", "a"), { requests: 17, failures: 1, inFlight: 2, ewmaMs: 6 });
  counts.onGone(one);
  deepEqual(counts.of("u", "a"), { requests: 17, failures: 1, inFlight: 0, ewmaMs: 8 });
  counts.onCounters(two, told(1, 1, 1, 2));
  deepEqual(counts.of("u", "a"), { requests: 18, failures: 2, inFlight: 1, ewmaMs: 2 });
  counts.forget("u");
  equal(counts.of("u", "a"), undefined);
});
