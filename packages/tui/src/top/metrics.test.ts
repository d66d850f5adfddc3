import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMetrics, sampleOf } from "./metrics.ts";

function reading(cpu: number, put: number, get: number, fast: number, slow: number) {
  return parseMetrics(
    [
      "# HELP process_cpu_seconds_total seconds",
      `process_cpu_seconds_total ${cpu}`,
      "process_resident_memory_bytes 1048576",
      `skerry_http_requests_total{route="object.put",status="201"} ${put}`,
      `skerry_http_requests_total{route="object.get",status="200"} ${get}`,
      `skerry_http_requests_total{route="object.get",status="404"} ${get}`,
      `skerry_http_request_duration_seconds_bucket{le="0.01",route="object.get"} ${fast}`,
      `skerry_http_request_duration_seconds_bucket{le="0.1",route="object.get"} ${fast + slow}`,
      `skerry_http_request_duration_seconds_bucket{le="+Inf",route="object.get"} ${fast + slow}`,
      "broken line",
      "",
    ].join("\n"),
  );
}

test("what happened between two readings, a second", () => {
  const sample = sampleOf(reading(10, 100, 50, 10, 10), reading(11, 110, 60, 110, 20), 2);
  assert.deepEqual(
    { ...sample, p50Ms: sample.p50Ms?.toFixed(2), p99Ms: sample.p99Ms?.toFixed(2) },
    {
      cpuPercent: 50,
      memoryBytes: 1_048_576,
      requestsPerSecond: 15,
      p50Ms: "5.50",
      p99Ms: "90.10",
      routes: [
        { route: "object.get", perSecond: 10 },
        { route: "object.put", perSecond: 5 },
      ],
    },
  );
});

test("nothing asked: no latency, and no division by it", () => {
  const still = reading(10, 100, 50, 10, 10);
  const sample = sampleOf(still, still, 2);
  assert.deepEqual(
    [sample.requestsPerSecond, sample.p50Ms, sample.p99Ms, sample.routes],
    [0, undefined, undefined, []],
  );
});

test("counters that began again count from nothing", () => {
  const sample = sampleOf(reading(100, 1000, 500, 10, 10), reading(1, 4, 2, 4, 0), 2);
  assert.equal(sample.cpuPercent, 50);
  assert.equal(sample.requestsPerSecond, 4);
});
