import assert from "node:assert/strict";
import { test } from "node:test";
import { LATENCY_MS } from "@skerry/core/gateway/proxy/latency.ts";
import { countRequest, emptyStats } from "@skerry/core/gateway/proxy/records.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { TrafficCounts } from "./traffic-counts.ts";

function request(durationMs: number) {
  const who = { client: "192.0.2.1", protocol: "HTTP/1.1", tls: undefined, upstreamMs: undefined } as const;
  const known = { id: "r", routeId: "u", method: "GET", host: "h", path: "/", upstream: undefined, error: undefined };
  return { ...known, ...who, status: 200, durationMs, bytesIn: 1, bytesOut: 2 };
}

test("latencies of all workers are one histogram: each bound has what took at most so long", async () => {
  const metrics = createMetrics();
  const counts = new TrafficCounts(metrics, () => []);
  const worker = emptyStats();
  for (const [told, durations] of [
    [emptyStats(), [0.5, 1, 1.5]],
    [undefined, [400, 99_000]],
  ] as const) {
    const before = told ?? structuredClone(worker);
    for (const durationMs of durations) countRequest(worker, request(durationMs));
    counts.take(before, structuredClone(worker));
  }
  const text = await metrics.render();
  const within = (le: string) =>
    Number(new RegExp(`^skerry_gateway_request_duration_seconds_bucket\\{le="${le}"\\} (\\d+)$`, "m").exec(text)?.[1]);
  const bounds = [0.4, 1, 1.5, 300, 400, 9_999].map((ms) => LATENCY_MS.find((bound) => bound >= ms) ?? 0);
  assert.deepEqual(
    [...bounds.map((ms) => String(Number((ms / 1000).toPrecision(4)))), "\\+Inf"].map(within),
    [0, 2, 3, 3, 4, 4, 5],
  );
  assert.match(text, /^skerry_gateway_request_duration_seconds_count 5$/m);
  assert.match(text, /^skerry_gateway_request_duration_seconds_sum 99\.403$/m);
  assert.match(text, /^# TYPE skerry_gateway_request_duration_seconds histogram$/m);
  assert.match(text, /^skerry_gateway_requests_total\{class="2xx"\} 5$/m);
  assert.equal(text.match(/_duration_seconds_bucket\{/g)?.length, LATENCY_MS.length + 1);
});
