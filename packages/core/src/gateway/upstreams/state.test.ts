import { deepEqual, equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { UpstreamState } from "./state.ts";

const CARE = {
  breaker: { failures: 2, openMs: 100, probes: 1 },
  ejection: { failures: 3, baseMs: 100, maxPercent: 100 },
} as const;

test("what happens to a backend is counted on, whatever care is taken of it, and told once", () => {
  const upstream = new UpstreamState("u", 0);
  upstream.backend("b", "there", CARE, 0);
  const a = upstream.backend("a", "here", CARE, 0);
  const fail = (nowMs: number) => {
    a.begin(nowMs);
    a.end("unavailable/upstream", nowMs);
  };
  const newsOf = (nowMs: number) => {
    const { breakerOpens, ejections, requests, failures } = a.news(nowMs) ?? {};
    return [requests, failures, breakerOpens, ejections];
  };
  deepEqual(newsOf(0), [undefined, undefined, undefined, undefined]);
  fail(0);
  fail(1);
  deepEqual(newsOf(1), [2, 2, 1, 0]);
  deepEqual(newsOf(1), [undefined, undefined, undefined, undefined]);
  fail(200);
  deepEqual(newsOf(200), [3, 3, 2, 1]);
  // Without care, and with it again: counted on.
  upstream.backend("a", "here", undefined, 300);
  upstream.backend("a", "here", CARE, 300);
  for (const at of [0, 1, 2]) fail(400 + at);
  deepEqual(newsOf(500), [6, 6, 3, 2]);
});

test("a backend that leads elsewhere is another one, and connections that failed before it are not its own", () => {
  const upstream = new UpstreamState("u", 0);
  const pool = { connections: 3, idleConnections: 2, connectFailures: 7 };
  const before = upstream.backend("a", "here", undefined, 0);
  before.watch(pool);
  const first = before.news(0);
  deepEqual([first?.connections, first?.idleConnections, first?.connectFailures], [3, 2, 0]);
  equal(before.news(0), undefined);
  pool.idleConnections = 1;
  equal(before.news(0)?.idleConnections, 1);
  pool.connectFailures = 9;
  before.watch(pool);
  equal(before.news(0)?.connectFailures, 2);
  const after = upstream.backend("a", "there", undefined, 0);
  after.watch(pool);
  after.begin(0);
  const news = after.news(0);
  deepEqual([news?.requests, news?.connectFailures], [1, 0]);
  notEqual(news?.run, first?.run);
});
