/**
 * The metrics of a real daemon: what was asked is in them, also when a worker is killed in between. With the full tier promtool
 * reads all of them and has nothing to say, and Prometheus scrapes them and answers from them.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const IS_FULL = process.env["SKERRY_TEST_TIER"] === "full";
const DEADLINE_MS = 60_000;

let directory: string;
let backend: Server;
let daemon: DaemonProcess;
let admin: Client;
let token: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-metrics-"));
  backend = createServer((request, response) => {
    response.writeHead(request.url === "/broken" ? 500 : 200, { "content-type": "text/plain" });
    response.end("Skerry is a small rock that stays above water.\n".repeat(100));
  }).listen(0, "127.0.0.1");
  await once(backend, "listening");
  daemon = await startDaemonProcess({ data: join(directory, "data"), argv: ["--gateway-workers", "2"] });
  token = await daemon.login();
  admin = daemon.client(token);
  const to = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const backends = [
    { name: "well", to },
    { name: "gone", to: "http://127.0.0.1:9" },
  ];
  const health = { path: "/", intervalMs: 500, timeoutMs: 400, healthy: 1, unhealthy: 1 };
  await admin.call(upstreamRoutes.create, { body: { name: "web", spec: { backends, health } } });
  const spec = { host: "127.0.0.1", to: "upstream/web", compress: {} };
  await admin.call(routeRoutes.create, { body: { name: "page", spec } });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  backend.closeAllConnections();
  backend.close();
  await rm(directory, { recursive: true, force: true });
});

async function exposition(): Promise<string> {
  const answer = await fetch(`${daemon.apiUrl}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  return answer.text();
}

async function until<T>(what: string, find: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    assert.ok(performance.now() < endMs, `did not happen: ${what}`);
    await sleep(100);
  }
}

/** By name and labels, without `skerry_gateway_`. */
async function rows(): Promise<ReadonlyMap<string, number>> {
  const found = (await exposition()).matchAll(/^skerry_gateway_(\S+) (\S+)$/gm);
  return new Map([...found].map(([, series = "", value]) => [series, Number(value)]));
}

async function load(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const path = n % 5 === 0 ? "broken" : "";
    const answer = await fetch(`${daemon.httpUrl}/${path}`, { headers: { "accept-encoding": "gzip" } });
    await answer.arrayBuffer();
  }
}

/** Over HTTP/2 and TLS, with a stream that is given up. */
async function askOverTls(): Promise<void> {
  const session = connectHttp2(daemon.httpsUrl ?? "", { rejectUnauthorized: false });
  const path = (at: string) => session.request({ ":path": at, ":authority": new URL(daemon.httpsUrl ?? "").host });
  const [whole, given] = [path("/"), path("/")];
  given.on("error", () => undefined).close(8);
  await once(whole.resume(), "close");
  session.close();
  await once(session, "close");
}

/** Of the workers. */
async function pidsOf(): Promise<number[]> {
  // It fails when there is none.
  const none = { stdout: "" };
  const { stdout } = await promisify(execFile)("ps", ["-o", "pid=,args=", "--ppid", `${daemon.pid}`]).catch(() => none);
  const lines = stdout.split("\n").filter((line) => line.includes("worker"));
  return lines.map((line) => Number.parseInt(line, 10));
}

let asked = 0;

test("what was asked is counted once, of each backend too, and nothing goes back when workers are killed", async () => {
  const uid = (await admin.call(upstreamRoutes.get, { params: { name: "web" } })).meta.uid;
  const of = (end: string, name: string, more = "") => `backend_${end}{upstream="${uid}",backend="${name}"${more}}`;
  await until("the dead backend is found", async () => ((await rows()).get(of("up", "gone")) === 0 ? true : undefined));
  await load(30);
  asked += 30;
  const counted = () =>
    until("all are counted", async () => {
      const all = await rows();
      const sum = ["2xx", "5xx"].reduce((total, each) => total + (all.get(`requests_total{class="${each}"}`) ?? 0), 0);
      return sum >= asked ? all : undefined;
    });
  const first = await counted();
  for (const [row, value] of [
    ['requests_total{class="5xx"}', 6],
    ["request_duration_seconds_count", 30],
    [of("requests_total", "well"), 30],
    [of("errors_total", "well"), 0],
    [of("requests_total", "gone"), 0],
    [of("up", "well"), 1],
    [of("workers", "well", ',state="ready"'), 2],
    [of("workers", "gone", ',state="unhealthy"'), 2],
  ] as const) {
    assert.equal(first.get(row), value, row);
  }
  assert.ok((first.get(of("health_checks_total", "well", ',result="passed"')) ?? 0) > 0);
  assert.ok((first.get(of("health_checks_total", "gone", ',result="failed"')) ?? 0) > 0);
  const [input = 0, output = 0] = ["input", "output"].map((name) => first.get(`compression_${name}_bytes_total`));
  assert.ok(output > 0 && input > 10 * output, `${input} bytes became ${output}`);

  const before = await pidsOf();
  for (const pid of before) process.kill(pid, "SIGKILL");
  await until("others serve", async () => {
    const now = await pidsOf();
    const isOther = now.length === 2 && now.every((pid) => !before.includes(pid));
    return isOther && (await rows()).get("workers") === 2 ? true : undefined;
  });
  await load(10);
  asked += 10;
  await askOverTls();
  const second = await until("all are counted after it", async () => {
    const all = await rows();
    const isThere = (all.get('tls_handshakes_total{version="TLSv1.3",session="new"}') ?? 0) > 0;
    const resets = all.get('http2_resets_total{side="client",direction="received",code="CANCEL"}');
    return isThere && resets === 1 && (all.get(of("requests_total", "well")) ?? 0) >= asked + 1 ? all : undefined;
  });
  for (const [row, value] of first) {
    if (/_(?:total|bucket|count|sum)(?:\{|$)/.test(row)) assert.ok((second.get(row) ?? 0) >= value, `${row} went back`);
  }
  const { status } = await admin.call(upstreamRoutes.get, { params: { name: "web" } });
  const well = status?.backends.find(({ name }) => name === "well");
  assert.ok((well?.traffic?.requests ?? 0) >= asked + 1 && (well?.traffic?.checksPassed ?? 0) > 0);
});

if (IS_FULL) {
  test("promtool has nothing to say", async () => {
    const child = execFile("promtool", ["check", "metrics"], { timeout: DEADLINE_MS });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text: string) => (said += text));
    child.stdin?.end(await exposition());
    const [status] = (await once(child, "close")) as [number];
    assert.deepEqual([status, said], [0, ""]);
  });
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

if (IS_FULL) {
  test("Prometheus scrapes them and answers from them", async () => {
    const port = await freePort();
    const file = join(directory, "token");
    await writeFile(file, token, { mode: 0o600 });
    const { host } = new URL(daemon.apiUrl);
    const config = {
      global: { scrape_interval: "1s" },
      scrape_configs: [
        { job_name: "skerry", authorization: { credentials_file: file }, static_configs: [{ targets: [host] }] },
      ],
    };
    // JSON is YAML.
    await writeFile(join(directory, "prometheus.yml"), JSON.stringify(config));
    const child: ChildProcess = spawn(
      "prometheus",
      [
        `--config.file=${join(directory, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(directory, "tsdb")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: "ignore" },
    );
    const ended = once(child, "exit");
    try {
      const query = async (text: string): Promise<number | undefined> => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(text)}`;
        const answer = await fetch(url).catch(() => undefined);
        if (answer?.status !== 200) return undefined;
        const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
        const [first] = data.result;
        return first === undefined ? undefined : Number(first.value[1]);
      };
      await until("it is scraped", async () => ((await query('up{job="skerry"}')) === 1 ? true : undefined));
      const all = await until("the requests are there", async () => {
        const count = await query("sum(skerry_gateway_requests_total)");
        return count !== undefined && count >= asked ? count : undefined;
      });
      assert.equal(await query("skerry_gateway_request_duration_seconds_count"), all, "none of them was a tunnel");
      const p99 = await query("histogram_quantile(0.99, skerry_gateway_request_duration_seconds_bucket)");
      assert.ok(p99 !== undefined && p99 > 0 && p99 < 10, `p99 is ${p99} s`);
      assert.equal(await query('sum(skerry_gateway_backend_up{backend="gone"})'), 0);
      const types = (await (await fetch(`http://127.0.0.1:${port}/api/v1/metadata`)).json()) as {
        data: Record<string, { type: string }[]>;
      };
      assert.equal(types.data["skerry_gateway_request_duration_seconds"]?.[0]?.type, "histogram");
      assert.equal(types.data["skerry_gateway_backend_requests_total"]?.[0]?.type, "counter");
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  });
}
