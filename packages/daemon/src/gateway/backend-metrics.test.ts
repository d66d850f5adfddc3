import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { addBackendMetrics, type BackendRow } from "./backend-metrics.ts";

const TRAFFIC = {
  ...{ requests: 7, failures: 2, inFlight: 1, connections: 5, idleConnections: 3, ewmaMs: 250 },
  ...{ connectFailures: 4, checksPassed: 9, checksFailed: 6, breakerOpens: 8, ejections: 10 },
};

async function rowsOf(read: () => readonly BackendRow[]) {
  const metrics = createMetrics();
  addBackendMetrics(metrics, read);
  const rows = async () => {
    const text = await metrics.render();
    await turn();
    const found = text.matchAll(/^skerry_gateway_backend_(\S+) (\S+)$/gm);
    return new Map([...found].map(([, series = "", value]) => [series, Number(value)]));
  };
  return rows;
}

test("each backend has its counts, how workers find it, and whether any sends it requests", async () => {
  const workers = { ready: 0, ejected: 1, unhealthy: 1 };
  const all: BackendRow[] = [
    { upstream: "u", backend: "a", traffic: TRAFFIC, workers },
    { upstream: "u", backend: "b", traffic: undefined, workers: { draining: 2 } },
    { upstream: "u", backend: "c", traffic: undefined, workers: { ready: 0, "half-open": 1, open: 1 } },
    { upstream: "v", backend: "a", traffic: undefined, workers: {} },
  ];
  const rows = await (await rowsOf(() => all))();
  for (const [row, value] of [
    ['requests_total{upstream="u",backend="a"}', 7],
    ['requests_total{upstream="u",backend="b"}', 0],
    ['errors_total{upstream="u",backend="a"}', 2],
    ['connect_failures_total{upstream="u",backend="a"}', 4],
    ['health_checks_total{upstream="u",backend="a",result="passed"}', 9],
    ['health_checks_total{upstream="u",backend="a",result="failed"}', 6],
    ['breaker_opens_total{upstream="u",backend="a"}', 8],
    ['ejections_total{upstream="u",backend="a"}', 10],
    ['requests_in_flight{upstream="u",backend="a"}', 1],
    ['connections{upstream="u",backend="a",state="busy"}', 2],
    ['connections{upstream="u",backend="a",state="idle"}', 3],
    ['response_seconds{upstream="u",backend="a"}', 0.25],
    ['workers{upstream="u",backend="a",state="ejected"}', 1],
    ['workers{upstream="u",backend="a",state="open"}', 0],
    ['workers{upstream="u",backend="b",state="draining"}', 2],
    ['up{upstream="u",backend="a"}', 0],
    ['up{upstream="u",backend="b"}', 0],
    ['up{upstream="u",backend="c"}', 1],
    ['up{upstream="v",backend="a"}', 0],
  ] as const) {
    assert.equal(rows.get(row), value, row);
  }
});

test("backends beyond the most that have rows share one, in which nothing is lost", async () => {
  const most = LIMITS.metrics.maxLabelSets;
  let count = most + 3;
  const rows = await rowsOf(() =>
    Array.from({ length: count }, (_, n) => ({
      ...{ upstream: `u${n}`, backend: "a", traffic: TRAFFIC, workers: { ready: 1 } },
    })),
  );
  const before = await rows();
  assert.equal(before.get('requests_total{upstream="other",backend="other"}'), 3 * TRAFFIC.requests);
  assert.equal(before.get('workers{upstream="other",backend="other",state="ready"}'), 3);
  assert.equal(before.get(`requests_total{upstream="u${most - 1}",backend="a"}`), TRAFFIC.requests);
  const perBackend = [...before.keys()].filter((series) => series.includes('upstream="u0"')).length;
  assert.equal(before.size, perBackend * (most + 1));
  count = 1;
  assert.equal((await rows()).size, perBackend, "those that are gone leave nothing");
});
