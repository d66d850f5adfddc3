import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { UpstreamCounts } from "./upstream-counts.ts";

const OTHERS = { connectFailures: 1, checksPassed: 2, checksFailed: 3, breakerOpens: 4, ejections: 5 };

const told = (requests: number, failures: number, inFlight: number, ewmaMs: number, run = 1) => {
  const now = { inFlight, ewmaMs, connections: inFlight + 1, idleConnections: 1 };
  return { u: { a: { ...OTHERS, ...now, run, requests, failures } } };
};

function sum(counts: UpstreamCounts) {
  const { requests, failures, inFlight, ewmaMs, connections, idleConnections, ...others } = counts.of("u", "a") ?? {};
  const most = Object.values(others).map((count, at) => (count ?? 0) / (at + 1));
  return [requests, failures, inFlight, ewmaMs, connections, idleConnections, ...new Set(most)];
}

test("counts of workers add up, and are not lost with a worker or when one begins anew", () => {
  const counts = new UpstreamCounts(() => true);
  equal(counts.of("u", "a"), undefined);
  const [one, two] = [{}, {}];
  counts.onCounters(one, told(10, 1, 2, 4));
  counts.onCounters(two, told(5, 0, 1, 0));
  deepEqual(sum(counts), [15, 1, 3, 4, 5, 2, 2]);
  deepEqual(Object.keys(counts.of("u", "a") ?? {}).includes("run"), false);
  counts.onCounters(two, told(7, 0, 0, 8));
  deepEqual(sum(counts), [17, 1, 2, 6, 4, 2, 2]);
  counts.onGone(one);
  deepEqual(sum(counts), [17, 1, 0, 8, 1, 1, 2]);
  // More requests than before, but of another run: nothing of the one before is lost.
  counts.onCounters(two, told(9, 1, 1, 2, 2));
  deepEqual(sum(counts), [26, 2, 1, 2, 2, 1, 3]);
  counts.forget("u");
  equal(counts.of("u", "a"), undefined);
});

test("of a backend that was taken out nothing is kept", () => {
  const known = new Set(["a", "b"]);
  const counts = new UpstreamCounts((_, name) => known.has(name));
  const [one, two] = [{}, {}];
  const { a } = told(1, 0, 0, 0).u;
  for (const worker of [one, two]) counts.onCounters(worker, { u: { a, b: a } });
  counts.onGone(two);
  known.delete("a");
  counts.onCounters(one, { u: { a, b: a } });
  equal(counts.of("u", "a"), undefined);
  equal(counts.of("u", "b")?.requests, 2);
});
