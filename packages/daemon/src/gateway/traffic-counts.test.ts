import assert from "node:assert/strict";
import { test } from "node:test";
import { LATENCY_MS } from "@skerry/core/gateway/proxy/latency.ts";
import { countRequest, emptyStats } from "@skerry/core/gateway/proxy/records.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { TrafficCounts } from "./traffic-counts.ts";

function request(durationMs: number) {
  const who = { client: "192.0.2.1", protocol: "HTTP/1.1", tls: undefined, upstreamMs: undefined } as const;
  const known = { id: "r", routeId: "u", method: "GET", host: "h", path: "/", upstream: undefined, error: undefined };
  return { ...known, ...who, attempts: 1, hedges: 0, status: 200, durationMs, bytesIn: 1, bytesOut: 2 };
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

/** Rows of the exposition without their names' beginning, but for the histogram. */
async function rowsOf(metrics: ReturnType<typeof createMetrics>): Promise<ReadonlyMap<string, number>> {
  const rows = (await metrics.render()).matchAll(/^skerry_gateway_((?!request_duration)\S+) (\S+)$/gm);
  return new Map([...rows].map(([, series = "", value]) => [series, Number(value)]));
}

/** As many as the worker's `at`th turn: every number that it could tell. */
function grown(at: number) {
  const stats = emptyStats();
  for (const [name, value] of Object.entries(stats))
    if (typeof value === "number") Object.assign(stats, { [name]: at });
  stats.byClass.fill(at);
  stats.errors = { "exhausted/rate": at, aborted: 2 * at };
  stats.tls.made["TLSv1.3"] = [at, 3 * at];
  stats.tls.failed.version = at;
  for (const counts of Object.values(stats.http2)) {
    Object.assign(counts, { connections: at, connectionsTotal: at, streams: at, streamsTotal: at });
    for (const codes of [counts.resetsReceived, counts.resetsSent, counts.goAwaysReceived, counts.goAwaysSent]) {
      codes[8] = at;
    }
  }
  return stats;
}

test("what workers tell adds up, and no counter goes back when one ends and another begins anew", async () => {
  const metrics = createMetrics();
  let live = [grown(2), grown(3)];
  const counts = new TrafficCounts(metrics, () => live);
  for (const stats of live) counts.take(emptyStats(), stats);
  const before = await rowsOf(metrics);
  for (const [row, value] of [
    ['requests_total{class="4xx"}', 5],
    ['errors_total{reason="exhausted/rate"}', 5],
    ['errors_total{reason="aborted"}', 10],
    ['tls_handshakes_total{version="TLSv1.3",session="new"}', 5],
    ['tls_handshakes_total{version="TLSv1.3",session="resumed"}', 15],
    ['tls_handshake_failures_total{reason="version"}', 5],
    ['http2_resets_total{side="client",direction="received",code="CANCEL"}', 5],
    ['http2_goaways_total{side="upstream",direction="sent",code="CANCEL"}', 5],
    ['http2_streams_total{side="client"}', 5],
    ["http2_client_streams", 5],
    ["websockets_total", 5],
    ["websockets", 5],
    ["worker_cpu_seconds_total", 5],
    ["shed_pressure", 3],
  ] as const) {
    assert.equal(before.get(row), value, row);
  }
  const told = live[0] ?? emptyStats();
  live = [grown(1), grown(4)];
  counts.take(emptyStats(), live[0] ?? told);
  counts.take(grown(3), live[1] ?? told);
  const after = await rowsOf(metrics);
  for (const [row, value] of before) {
    const isCounter = row.includes("_total");
    assert.ok(!isCounter || (after.get(row) ?? 0) > value, `${row} is ${value}, then ${after.get(row)}`);
  }
  assert.equal(after.get('requests_total{class="4xx"}'), 7);
  assert.equal(after.get("websockets"), 5);
});
