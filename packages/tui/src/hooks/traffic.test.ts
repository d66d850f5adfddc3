import assert from "node:assert/strict";
import { test } from "node:test";
import { trend } from "../screens/traffic.ts";
import { FakeDaemon, until } from "../testing/fake-daemon.ts";
import { rowsAfter, Traffic, type TrafficRow } from "./traffic.ts";

const row = (route: string, perSecond: number) => ({
  ...{ route, perSecond, errorsPerSecond: 0, p50Ms: 1, p95Ms: 1, p99Ms: 1 },
});

test("a route that is asked no more stays for a minute, behind those that are, and then goes", () => {
  let rows: readonly TrafficRow[] = rowsAfter([], [row("b", 5), row("a", 1)]);
  rows = rowsAfter(rows, [row("a", 2)]);
  assert.deepEqual(
    rows.map(({ route, perSecond, p99Ms, history }) => [route, perSecond, p99Ms, history]),
    [
      ["a", 2, 1, [1, 2]],
      ["b", 0, undefined, [5, 0]],
    ],
  );
  for (let i = 0; i < 28; i++) rows = rowsAfter(rows, [row("a", 2)]);
  assert.deepEqual([rows.length, rows[0]?.history.length], [2, 30]);
  assert.deepEqual(
    rowsAfter(rows, [row("a", 2)]).map(({ route }) => route),
    ["a"],
  );
});

test("the trend is of one width, the highest is a whole block, nothing is empty", () => {
  assert.equal(trend([0, 1, 4, 8]), "         ▁▄█");
  assert.equal(trend(Array.from({ length: 30 }, () => 7)), "█".repeat(12));
  assert.equal(trend([0]), " ".repeat(12));
});

test("who may not read the metrics is told, and they are not asked for again", async () => {
  const daemon = new FakeDaemon(() => ({ status: 403, json: { status: 403, code: "forbidden", detail: "No." } }));
  using traffic = new Traffic({ client: daemon.client, nowMs: () => 0 });
  await until("refused", () => traffic.phase.state === "failed");
  assert.equal(daemon.requests.length, 1);
});

test("a daemon that is away is stale, and asked again", async () => {
  const daemon = new FakeDaemon(() => ({ json: {} }));
  daemon.down = true;
  using traffic = new Traffic({ client: daemon.client, nowMs: () => 0 });
  await until("stale", () => traffic.phase.state === "stale");
  daemon.down = false;
  await until("live", () => traffic.phase.state === "live");
});
