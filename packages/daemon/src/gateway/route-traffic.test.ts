/** What real workers tell of their routes: as much as was asked, also when one of them is killed in between. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { RouteNews } from "@skerry/core/gateway/proxy/route-counts.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { createCollectingLogger } from "@skerry/core/testing/sim-telemetry.ts";
import { createMetrics, type DaemonMetrics } from "../telemetry/metrics.ts";
import { Fleet } from "./fleet.ts";
import { RouteTraffic } from "./route-traffic.ts";

let scratch = "";
/** Answers with two bytes after so many milliseconds as the path says. */
const backend = createServer((request, response) => {
  request.resume().once("end", () => setTimeout(() => response.end("ok"), Number(request.url?.split("/").at(-1))));
});
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "skerry-traffic-"));
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
});
after(async () => {
  backend.closeAllConnections();
  backend.close();
  await rm(scratch, { recursive: true, force: true });
});

async function until<T>(what: string, find: () => Promise<T | undefined>): Promise<T> {
  const endMs = clock.monotonicMs() + 30_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    assert.ok(clock.monotonicMs() < endMs, `did not happen: ${what}`);
    await clock.sleep(50);
  }
}

/** Durations of requests to a route, the shortest first. */
async function loggedMs(path: string): Promise<number[]> {
  const files = (await readdir(scratch)).filter((file) => file.endsWith(".log"));
  const texts = await Promise.all(files.map((file) => readFile(join(scratch, file), "utf8")));
  const lines = texts.flatMap((text) => text.split("\n").slice(0, -1));
  const records = lines.map((line) => JSON.parse(line) as { path: string; durationUs: number });
  const own = records.filter((record) => record.path.startsWith(path));
  return own.map(({ durationUs }) => durationUs / 1000).sort((a, b) => a - b);
}

/** By name and labels, without `skerry_gateway_route_`. */
async function rowsOf(metrics: DaemonMetrics): Promise<ReadonlyMap<string, number>> {
  const rows = (await metrics.render()).matchAll(/^skerry_gateway_route_(\S+) (\S+)$/gm);
  return new Map([...rows].map(([, series = "", value]) => [series, Number(value)]));
}

/** The middle of the bucket that has it, in ms. */
function quantileOf(rows: ReadonlyMap<string, number>, route: string, q: number): number {
  const start = `request_duration_seconds_bucket{route="${route}",le="`;
  const all = rows.get(`request_duration_seconds_count{route="${route}"}`) ?? 0;
  let lower = 0;
  for (const [series, within] of rows) {
    if (!series.startsWith(start)) continue;
    const upper = Number.parseFloat(series.slice(start.length));
    if (within >= Math.ceil(q * all)) return Math.sqrt(lower * upper) * 1000;
    lower = upper;
  }
  return Number.NaN;
}

const ANY = { host: "127.0.0.1", port: 0 };

test("all that was asked is counted, each once, also when workers are killed; quantiles are those of the access log within 5 %", async () => {
  const place = { kind: "tcp", host: "127.0.0.1", port: (backend.address() as AddressInfo).port, tls: false } as const;
  const upstream = { backends: [{ ...place, basePath: "" }], reach: "any" } as const;
  const entries: TableEntry[] = [
    { id: "web", host: "127.0.0.1", path: "/web", upstream },
    { id: "down", host: "127.0.0.1", path: "/down", upstream: { backends: [], reason: "a test", reach: "any" } },
  ];
  const metrics = createMetrics();
  const routes = new RouteTraffic(metrics, (uid) => entries.some(({ id }) => id === uid));
  await using fleet = new Fleet({
    ...{ clock, log: createCollectingLogger(), metrics, guarded: [], workers: 2, tlsMinVersion: "1.2", routes },
    ...{ http: ANY, https: ANY, entries: () => entries, certificateFor: async () => undefined },
    ...{ limits: { minRestartMs: 20 }, accessLog: { directory: scratch, share: 1 } },
  });
  await fleet.start();
  let asked = 0;
  const load = async (count: number) => {
    const ask = async (n: number) => {
      const options = { method: "POST", body: "12345", headers: { connection: "close" } };
      const answer = await fetch(`http://127.0.0.1:${fleet.httpPort}/web/${(n * 7) % 40}`, options);
      assert.equal(await answer.text(), "ok");
    };
    for (let n = 0; n < count; n += 10) await Promise.all(Array.from({ length: 10 }, (_, at) => ask(n + at)));
    asked += count;
    return until("all are counted", async () => {
      const rows = await rowsOf(metrics);
      return rows.get('requests_total{route="web",class="2xx"}') === asked ? rows : undefined;
    });
  };
  await load(150);
  // What they have logged is on the disk.
  await until("the log is whole", async () => ((await loggedMs("/web")).length === asked ? true : undefined));
  const killed = fleet.pids;
  for (const pid of killed) process.kill(pid, "SIGKILL");
  const isBack = () => fleet.pids.length === 2 && fleet.pids.every((pid) => !killed.includes(pid));
  await until("others serve", async () => (isBack() && !fleet.problems().join().includes("serve") ? true : undefined));
  assert.equal((await rowsOf(metrics)).get('requests_total{route="web",class="2xx"}'), 150, "they went back");
  const rows = await load(150);
  assert.equal(rows.get('received_bytes_total{route="web"}'), 5 * asked);
  assert.equal(rows.get('request_duration_seconds_count{route="web"}'), asked);
  assert.equal(rows.get('requests_in_flight{route="web"}'), 0);
  const exact = await until("all are logged", async () => {
    const all = await loggedMs("/web");
    return all.length === asked ? all : undefined;
  });
  for (const q of [0.5, 0.95, 0.99]) {
    const [told, was] = [quantileOf(rows, "web", q), exact[Math.ceil(q * asked) - 1] ?? 0];
    assert.ok(Math.abs(told / was - 1) < 0.05, `p${q * 100} is ${was} ms, and told as ${told} ms`);
  }
  const failed = await fetch(`http://127.0.0.1:${fleet.httpPort}/down`, { headers: { connection: "close" } });
  assert.equal(failed.status, 502);
  await until("the failure is counted with its reason", async () =>
    (await rowsOf(metrics)).get('errors_total{route="down",reason="unavailable/upstream"}') === 1 ? true : undefined,
  );
});

const NEWS: RouteNews = {
  ...{ byClass: [0, 0, 1, 0, 0, 0], bytesIn: 1, bytesOut: 2, inFlight: 1, latencySumMs: 5 },
  ...{ latency: [0, 1, 122, 2], errors: { aborted: 1 }, failed: 0 },
};

test("of many routes the first have rows of their own, the others share one; what is gone leaves none", async () => {
  const most = LIMITS.metrics.maxLabelSets;
  const known = new Set(Array.from({ length: most + 3 }, (_, n) => `r${n}`));
  const metrics = createMetrics();
  const routes = new RouteTraffic(metrics, (uid) => known.has(uid));
  const worker = {};
  for (const uid of [...known, "unknown"]) routes.onNews(worker, { [uid]: NEWS });
  const rows = await rowsOf(metrics);
  for (const [row, each] of [
    ['requests_total{route="#",class="2xx"}', 1],
    ['errors_total{route="#",reason="aborted"}', 1],
    ['sent_bytes_total{route="#"}', 2],
    ['requests_in_flight{route="#"}', 1],
    ['request_duration_seconds_bucket{route="#",le="0.0001"}', 1],
    ['request_duration_seconds_bucket{route="#",le="10.2"}', 1],
    ['request_duration_seconds_bucket{route="#",le="+Inf"}', 3],
    ['request_duration_seconds_sum{route="#"}', 0.005],
  ] as const) {
    assert.equal(rows.get(row.replace("#", "r7")), each, row);
    assert.equal(rows.get(row.replace("#", "other")), 3 * each, row);
  }
  const routesOf = (all: ReadonlyMap<string, number>) => new Set([...all.keys()].map((row) => row.split('"')[1]));
  assert.deepEqual(routesOf(rows), new Set([...[...known].slice(0, most), "other"]));
  for (const uid of [...known].slice(2)) known.delete(uid);
  routes.onGone(worker);
  const after = await rowsOf(metrics);
  assert.deepEqual(routesOf(after), known);
  assert.equal(after.get('requests_in_flight{route="r1"}'), 0);
});
