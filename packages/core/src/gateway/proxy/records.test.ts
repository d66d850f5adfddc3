import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { LATENCY_MS } from "./latency.ts";
import { countRequest, emptyStats, type RequestRecord } from "./records.ts";

const record: RequestRecord = {
  ...{ id: "x", routeId: "r", method: "GET", host: "h", path: "/", status: 200 },
  ...{ durationMs: 0, upstreamMs: undefined, bytesIn: 1, bytesOut: 2, upstream: undefined, error: undefined },
  ...{ client: "192.0.2.1", protocol: "HTTP/1.1", tls: undefined, attempts: 1, hedges: 0 },
};

test("a request counts in the bucket of the smallest bound that it keeps", () => {
  const stats = emptyStats();
  for (const durationMs of [0, 0.1, 0.101, 1e9]) countRequest(stats, { ...record, durationMs });
  countRequest(stats, { ...record, status: 101, durationMs: 1e9 });
  equal(stats.latency.length, LATENCY_MS.length + 1);
  deepEqual([stats.latency[0], stats.latency[1], stats.latency.at(-2), stats.latency.at(-1)], [2, 1, 0, 1]);
  equal(stats.latencySumMs, 0.201 + 1e9);
});

test("a request counts by the first digit of its status, and with its bytes", () => {
  const stats = emptyStats();
  for (const status of [0, 101, 200, 204, 404, 502]) countRequest(stats, { ...record, status });
  deepEqual(stats.byClass, [1, 1, 2, 0, 1, 1]);
  deepEqual([stats.bytesIn, stats.bytesOut], [6, 12]);
});
