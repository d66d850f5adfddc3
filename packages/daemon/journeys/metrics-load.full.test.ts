/**
 * What the gateway says of latency and errors beside what the programs say that load it, with a backend of known random delays. In the
 * full tier: the exposition of all requests, read as people do with `histogram_quantile`, and `skerry top` of two seconds of them.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { createSimRandom } from "@skerry/core/testing/sim-random.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));
const QUANTILES = [0.5, 0.95, 0.99] as const;
/**
 * Milliseconds: evenly between the two. Long beside what a busy machine adds between a program and the gateway, which only the
 * program sees.
 */
const FASTEST_MS = 200;
const SLOWEST_MS = 1200;
/** That many are asked for at once: two seconds of them have enough for a quantile. */
const AT_ONCE = 400;
/** One of so many answers is 500. */
const FAILS_EACH = 20;
/** What a busy machine adds where only the program sees it is not in all of so many rounds; a mistake of ours is. */
const ROUNDS = 4;
const run = promisify(execFile);

let directory: string;
let backend: Server;
let daemon: DaemonProcess;
let token: string;
let route: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-metrics-load-"));
  const random = createSimRandom(7);
  let served = 0;
  backend = createServer((_request, response) => {
    const status = ++served % FAILS_EACH === 0 ? 500 : 200;
    const delayMs = FASTEST_MS + (SLOWEST_MS - FASTEST_MS) * random.fraction();
    setTimeout(() => response.writeHead(status, { "content-length": 2 }).end("ok"), delayMs);
  }).listen({ host: "127.0.0.1", port: 0, backlog: 1000 });
  await once(backend, "listening");
  daemon = await startDaemonProcess({ data: join(directory, "data"), argv: ["--gateway-workers", "1"] });
  token = await daemon.login();
  const spec = { host: "127.0.0.1", to: `http://127.0.0.1:${(backend.address() as AddressInfo).port}` };
  const made = await daemon.client(token).call(routeRoutes.create, { body: { name: "slow", spec } });
  route = made.meta.uid;
  const contexts = [{ name: "here", socketPath: daemon.socketPath, token }];
  await writeFile(join(directory, "contexts.json"), JSON.stringify({ version: 1, current: "here", contexts }), {
    mode: 0o600,
  });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  backend.closeAllConnections();
  backend.close();
  await rm(directory, { recursive: true, force: true });
});

/** Requests, how many of them failed, and quantiles in ms. */
interface Figures {
  readonly requests: number;
  readonly errors: number;
  readonly ms: readonly number[];
}

/** By name and labels, without `skerry_gateway_`. */
async function rows(): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${daemon.apiUrl}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const found = (await answer.text()).matchAll(/^skerry_gateway_(\S+) (\S+)$/gm);
  return new Map([...found].map(([, series = "", value]) => [series, Number(value)]));
}

/** As Prometheus' histogram_quantile. */
function quantile(bounds: readonly (readonly [bound: number, within: number])[], q: number): number {
  const rank = q * (bounds.at(-1)?.[1] ?? 0);
  let [lower, below] = [0, 0];
  for (const [bound, within] of bounds) {
    if (within >= rank) return (lower + ((bound - lower) * (rank - below)) / (within - below)) * 1000;
    [lower, below] = [bound, within];
  }
  return Number.NaN;
}

/** What came between two expositions: of all requests (`prefix` is empty), or of the route. */
function between(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>, prefix: string): Figures {
  const of = prefix === "" ? "" : `route="${route}",`;
  const grown = (series: string) => (now.get(series) ?? 0) - (before.get(series) ?? 0);
  const start = `${prefix}request_duration_seconds_bucket{${of}le="`;
  const bounds = [...now.keys()].flatMap((series) => {
    if (!series.startsWith(start)) return [];
    const bound = Number(series.slice(start.length).replace('"}', "").replace("+Inf", "Infinity"));
    return [[bound, grown(series)] as const];
  });
  const classes = ["2xx", "5xx"].map((each) => grown(`${prefix}requests_total{${of}class="${each}"}`));
  const [good = 0, errors = 0] = classes;
  return { requests: good + errors, errors, ms: QUANTILES.map((q) => quantile(bounds, q)) };
}

function tell(who: string, { requests, errors, ms }: Figures): string {
  const shown = QUANTILES.map((q, at) => `p${q * 100} ${ms[at]?.toFixed(1)}`);
  return `${who.padEnd(24)} ${requests} requests, ${errors} errors, ${shown.join(" ")} ms`;
}

/** All that was asked has come to its end, and has been told to the daemon. */
async function settled(before: ReadonlyMap<string, number>, least: number): Promise<ReadonlyMap<string, number>> {
  let last = -1;
  for (let tries = 0; ; tries++) {
    await sleep(1500);
    const now = await rows();
    const { requests } = between(before, now, "");
    const isStill = requests === last && now.get("requests_in_flight") === 0;
    if (requests >= least && isStill && between(before, now, "route_").requests === requests) return now;
    assert.ok(tries < 60, `${requests} of ${least} requests were counted`);
    last = requests;
  }
}

/** What is more than 5 % off, in words. */
function distance(said: Figures, was: Figures, what: string): string[] {
  const far = (a: number, b: number, name: string) =>
    Math.abs(a / b - 1) <= 0.05 ? [] : [`${what}: ${name} is ${a.toFixed(3)}, and was ${b.toFixed(3)}`];
  return [
    ...QUANTILES.flatMap((q, at) => far(said.ms[at] ?? 0, was.ms[at] ?? 0, `p${q * 100}`)),
    ...far(said.errors / said.requests, was.errors / was.requests, "the part of errors"),
  ];
}

/** `round` gives what is too far off. */
async function assertOneIsNear(round: () => Promise<readonly string[]>): Promise<void> {
  const all: string[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const far = await round();
    if (far.length === 0) return;
    all.push(...far);
  }
  assert.fail(all.join("\n"));
}

const SCRIPT = `
done = function(summary, latency, requests)
  local ms = {}
  for _, q in ipairs({50, 95, 99}) do ms[#ms + 1] = latency:percentile(q) / 1000 end
  io.write(string.format('FIGURES {"requests":%d,"errors":%d,"ms":[%f,%f,%f]}\\n',
    summary.requests, summary.errors.status, ms[1], ms[2], ms[3]))
end
`;

test("wrk: quantiles and errors of the exposition and of skerry top are its own within 5 %", async (t) => {
  await writeFile(join(directory, "figures.lua"), SCRIPT);
  await assertOneIsNear(async () => {
    const before = await rows();
    const args = [
      "-t1",
      `-c${AT_ONCE}`,
      "-d14s",
      "--timeout",
      "10s",
      "-s",
      join(directory, "figures.lua"),
      daemon.httpUrl ?? "",
    ];
    const loaded = run("wrk", args, { timeout: 120_000 });
    await sleep(4000);
    const env = { ...process.env, SKERRY_CONFIG_DIR: directory, HOME: directory };
    const top = JSON.parse((await run(SKERRY, ["top", "-o", "json"], { env })).stdout) as {
      gateway: { perSecond: number; p50Ms: number; p95Ms: number; p99Ms: number };
      gatewayRoutes: { perSecond: number; errorsPerSecond: number; p50Ms: number; p95Ms: number; p99Ms: number }[];
    };
    const { stdout } = await loaded;
    const wrk = JSON.parse(/^FIGURES (.*)$/m.exec(stdout)?.[1] ?? assert.fail(stdout)) as Figures;
    const now = await settled(before, wrk.requests);
    const { gateway, gatewayRoutes } = top;
    const figuresOf = ({ perSecond, p50Ms, p95Ms, p99Ms }: typeof gateway): Figures => ({
      ...{ requests: perSecond, errors: gatewayRoutes[0]?.errorsPerSecond ?? 0 },
      ms: [p50Ms, p95Ms, p99Ms],
    });
    const [shown, shownOwn] = [figuresOf(gateway), figuresOf(gatewayRoutes[0] ?? gateway)];
    const [all, own] = [between(before, now, ""), between(before, now, "route_")];
    t.diagnostic(tell("wrk", wrk));
    t.diagnostic(tell("exposition, all", all));
    t.diagnostic(tell("exposition, the route", own));
    t.diagnostic(tell("skerry top, a second", shown));
    t.diagnostic(tell("skerry top, the route", shownOwn));
    return [
      ...distance(all, wrk, "the exposition"),
      ...distance(own, wrk, "the route's"),
      ...distance(shown, wrk, "skerry top"),
      ...distance(shownOwn, wrk, "the route in skerry top"),
    ];
  });
});

test("h2load: quantiles and errors of the exposition are those of its log within 5 %", async (t) => {
  await assertOneIsNear(async () => {
    const log = join(directory, "h2load.tsv");
    await rm(log, { force: true });
    const before = await rows();
    const args = [
      "-n",
      `${10 * AT_ONCE}`,
      "-c",
      "10",
      "-m",
      `${AT_ONCE / 10}`,
      "-t",
      "1",
      "--log-file",
      log,
      daemon.httpUrl ?? "",
    ];
    await run("h2load", args, { timeout: 120_000 });
    const lines = (await readFile(log, "utf8")).trim().split("\n");
    const taken = lines.map((line) => line.split("\t").map(Number));
    const sorted = taken.map(([, , us = 0]) => us / 1000).sort((a, b) => a - b);
    const h2load: Figures = {
      requests: taken.length,
      errors: taken.filter(([, status]) => status === 500).length,
      ms: QUANTILES.map((q) => sorted[Math.ceil(q * sorted.length) - 1] ?? 0),
    };
    assert.equal(h2load.requests, 10 * AT_ONCE);
    const now = await settled(before, h2load.requests);
    const [all, own] = [between(before, now, ""), between(before, now, "route_")];
    t.diagnostic(tell("h2load", h2load));
    t.diagnostic(tell("exposition, all", all));
    t.diagnostic(tell("exposition, the route", own));
    assert.deepEqual([all.requests, all.errors], [h2load.requests, h2load.errors]);
    return [...distance(all, h2load, "the exposition"), ...distance(own, h2load, "the route's")];
  });
});
