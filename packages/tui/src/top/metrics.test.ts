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
  const { p50Ms, p95Ms, p99Ms } = sample.api;
  assert.deepEqual(
    [p50Ms, p95Ms, p99Ms].map((ms) => ms?.toFixed(2)),
    ["5.50", "50.50", "90.10"],
  );
  assert.deepEqual([sample.cpuPercent, sample.memoryBytes, sample.api.perSecond], [50, 1_048_576, 15]);
  assert.deepEqual(sample.routes, [
    { route: "object.get", perSecond: 10 },
    { route: "object.put", perSecond: 5 },
  ]);
});

test("nothing asked: no latency, and no division by it", () => {
  const still = reading(10, 100, 50, 10, 10);
  const sample = sampleOf(still, still, 2);
  const nothing = { perSecond: 0, p50Ms: undefined, p95Ms: undefined, p99Ms: undefined };
  assert.deepEqual([sample.api, sample.gateway, sample.routes], [nothing, nothing, []]);
});

test("counters that began again count from nothing", () => {
  const sample = sampleOf(reading(100, 1000, 500, 10, 10), reading(1, 4, 2, 4, 0), 2);
  assert.equal(sample.cpuPercent, 50);
  assert.equal(sample.api.perSecond, 4);
});

test("the gateway's traffic apart; the questions for the figures are not in them", () => {
  const at = (requests: number, within: number) =>
    parseMetrics(
      [
        `skerry_gateway_requests_total{class="2xx"} ${requests}`,
        `skerry_gateway_requests_total{class="5xx"} ${requests}`,
        `skerry_gateway_request_duration_seconds_bucket{le="0.001"} ${within}`,
        `skerry_gateway_request_duration_seconds_bucket{le="+Inf"} ${within}`,
        `skerry_http_requests_total{route="node.metrics",status="200"} ${requests}`,
        `skerry_http_request_duration_seconds_bucket{le="0.01",route="node.metrics"} ${requests}`,
      ].join("\n"),
    );
  const { api, gateway, routes } = sampleOf(at(10, 20), at(30, 60), 2);
  assert.deepEqual([gateway.perSecond, gateway.p50Ms, gateway.p99Ms], [20, 0.5, 0.99]);
  assert.deepEqual([api.perSecond, api.p50Ms, routes], [0, undefined, []]);
});

test("routes of the gateway: requests, failures and latency of each, the busiest first; those without requests are left out", () => {
  const at = (turn: number) =>
    parseMetrics(
      [
        `skerry_gateway_route_requests_total{route="idle",class="2xx"} 5`,
        `skerry_gateway_route_requests_total{route="a",class="2xx"} ${turn * 10}`,
        `skerry_gateway_route_requests_total{route="b",class="2xx"} ${turn * 190}`,
        `skerry_gateway_route_requests_total{route="b",class="5xx"} ${turn * 10}`,
        `skerry_gateway_route_request_duration_seconds_bucket{route="b",le="0.01"} ${turn * 150}`,
        `skerry_gateway_route_request_duration_seconds_bucket{route="b",le="0.011"} ${turn * 150}`,
        `skerry_gateway_route_request_duration_seconds_bucket{route="b",le="0.0121"} ${turn * 200}`,
        `skerry_gateway_route_request_duration_seconds_bucket{route="b",le="+Inf"} ${turn * 200}`,
        `skerry_gateway_route_request_duration_seconds_bucket{route="a",le="0.0121"} 0`,
        `skerry_gateway_route_request_duration_seconds_bucket{route="a",le="+Inf"} ${turn * 10}`,
      ].join("\n"),
    );
  const { gatewayRoutes } = sampleOf(at(1), at(2), 2);
  const late = Math.sqrt(0.011 * 0.0121) * 1000;
  const b = { route: "b", perSecond: 100, errorsPerSecond: 5, p50Ms: 10, p95Ms: late, p99Ms: late };
  const a = { route: "a", perSecond: 5, errorsPerSecond: 0, p50Ms: 12.1, p95Ms: 12.1, p99Ms: 12.1 };
  assert.deepEqual(gatewayRoutes, [b, a]);
});
