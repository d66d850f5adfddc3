/** The gateway as a process tree: real curl over HTTP and HTTPS, killed workers and a killed daemon. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { authorityRoutes, routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const DEADLINE_MS = 20_000;

let directory: string;
let upstream: Server;
let upstreamUrl: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-gateway-"));
  upstream = createServer((request, response) => {
    response.setHeader("x-seen", `${request.headers["x-forwarded-proto"]} ${request.headers["x-forwarded-for"]}`);
    response.end(`hello ${request.headers.host} ${request.url}`);
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
after(async () => {
  upstream.close();
  upstream.closeAllConnections();
  await rm(directory, { recursive: true, force: true });
});

const start = (data: string, workers = 2, more: readonly string[] = []) =>
  startDaemonProcess({ data: join(directory, data), argv: ["--gateway-workers", String(workers), ...more] });

const portOf = (url: string | undefined) => Number(new URL(url ?? "").port);

/** What curl prints; `host` stands for the gateway's address. */
async function curl(daemon: DaemonProcess, host: string, path: string, ...args: string[]): Promise<string> {
  const https = args.includes("--cacert");
  const url = https ? daemon.httpsUrl : daemon.httpUrl;
  const port = portOf(url);
  const resolve = ["--resolve", `${host}:${port}:127.0.0.1`];
  const target = `${https ? "https" : "http"}://${host}:${port}${path}`;
  const { stdout } = await promisify(execFile)("curl", ["-sS", "--max-time", "10", ...resolve, ...args, target]);
  return stdout;
}

async function addRoute(client: Client, host: string, to: string): Promise<void> {
  await client.call(routeRoutes.create, { body: { spec: { host, to } } });
}

/** Pids of the processes whose parent this is. */
async function childrenOf(pid: number): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(
    pids.map(async (name) => {
      const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
      return { pid: Number(name), state: stat.split(") ")[1]?.[0], parent: Number(stat.split(") ")[1]?.split(" ")[1]) };
    }),
  );
  return parents.filter(({ parent, state }) => parent === pid && state !== "Z").map((child) => child.pid);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - startMs < DEADLINE_MS, `not in time: ${what}`);
    await sleep(10);
  }
  return Math.round(performance.now() - startMs);
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

test("a site in a bucket and an upstream are there under their names, over HTTP and over HTTPS with our authority", async () => {
  await using daemon = await start("site");
  const client = daemon.client(await daemon.login());
  await addRoute(client, "app.example.com", `${upstreamUrl}/base`);
  assert.equal(
    await curl(daemon, "app.example.com", "/x?y=1"),
    `hello app.example.com:${portOf(daemon.httpUrl)} /base/x?y=1`,
  );
  const ca = join(directory, "ca.pem");
  await writeFile(ca, (await client.call(authorityRoutes.get, {})).certificate);
  const secure = await curl(daemon, "app.example.com", "/", "--cacert", ca, "-D", "-");
  assert.match(secure, /x-seen: https 127\.0\.0\.1\r\n/i);
  await client.call(bucketRoutes.create, { body: { name: "site" } });
  const bytes = (async function* () {
    yield Buffer.from("<h1>docs</h1>");
  })();
  await client.upload(objectRoutes.put, {
    params: { bucket: "site", key: "index.html" },
    bytes,
    headers: { "content-type": "text/html" },
  });
  await addRoute(client, "docs.example.com", "bucket/site");
  assert.equal(await curl(daemon, "docs.example.com", "/", "--cacert", ca), "<h1>docs</h1>");
  assert.match(await curl(daemon, "docs.example.com", "/no", "-w", "%{http_code}"), /404$/);
  // No route, no certificate of the name; who does not mind hears why.
  await assert.rejects(curl(daemon, "other.example.com", "/", "--cacert", ca), /curl: \(60\)/);
  const anyway = await curl(daemon, "other.example.com", "/", "--cacert", ca, "-k", "-w", "\n%{http_code}");
  assert.match(anyway, /not_found[\s\S]*\n404$/);
  const byAddress = ["-sS", "--cacert", ca, "-H", "Host: app.example.com", `${daemon.httpsUrl}/`];
  assert.match((await promisify(execFile)("curl", byAddress)).stdout, /^hello app\.example\.com/);
  assert.match(await curl(daemon, "other.example.com", "/", "-w", "\n%{http_code}"), /not_found[\s\S]*\n404$/);
});

test("a change is in force on every worker when it is answered", async () => {
  await using daemon = await start("change", 3);
  const client = daemon.client(await daemon.login());
  for (let round = 0; round < 5; round++) {
    const host = `r${round}.example.com`;
    await addRoute(client, host, upstreamUrl);
    const answers = await Promise.all(Array.from({ length: 12 }, () => curl(daemon, host, "/")));
    assert.ok(
      answers.every((text) => text.startsWith("hello")),
      `${answers}`,
    );
    await client.call(routeRoutes.delete, { params: { name: `r${round}-example-com` } });
    const gone = await Promise.all(Array.from({ length: 12 }, () => curl(daemon, host, "/", "-w", "%{http_code}")));
    assert.ok(
      gone.every((text) => text.endsWith("404")),
      `${gone}`,
    );
  }
});

test("a worker that dies or hangs is replaced; a change waits for none that is gone", async (t) => {
  await using daemon = await start("worker", 2);
  const client = daemon.client(await daemon.login());
  await addRoute(client, "one.example.com", upstreamUrl);
  const [first = 0, second = 0] = await childrenOf(daemon.pid);
  process.kill(first, "SIGKILL");
  const replacedMs = await until("another worker", async () => {
    const now = await childrenOf(daemon.pid);
    return now.length === 2 && !now.includes(first);
  });
  t.diagnostic(`replaced in ${replacedMs} ms`);
  await until("it serves", async () => (await curl(daemon, "one.example.com", "/").catch(() => "")) !== "");
  process.kill(second, "SIGSTOP");
  await addRoute(client, "two.example.com", upstreamUrl);
  const now = await childrenOf(daemon.pid);
  assert.ok(!now.includes(second), "the one that hung is gone");
  for (let n = 0; n < 10; n++) assert.match(await curl(daemon, "two.example.com", "/"), /^hello/);
});

test("a daemon that is killed leaves no port taken, and its routes are back when it is", async (t) => {
  const daemon = await start("kill");
  await addRoute(daemon.client(await daemon.login()), "app.example.com", upstreamUrl);
  const ports = [portOf(daemon.httpUrl), portOf(daemon.httpsUrl)];
  const workers = await childrenOf(daemon.pid);
  assert.equal(workers.length, 2);
  await daemon.kill("SIGKILL");
  const freeMs = await until("the ports are free", async () => !(await Promise.all(ports.map(isTaken))).includes(true));
  t.diagnostic(`ports free after ${freeMs} ms`);
  const [http, https] = ports;
  const flags = ["--listen-http", `127.0.0.1:${http}`, "--listen-https", `127.0.0.1:${https}`];
  await using again = await start("kill", 2, flags);
  assert.match(await curl(again, "app.example.com", "/"), /^hello/);
  const [worker = 0] = await childrenOf(again.pid);
  assert.equal(await again.kill("SIGTERM"), 0);
  assert.throws(() => process.kill(worker, 0), "no worker is left");
});

test("a port that another program has is named, with the flag that moves it", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  try {
    const { port } = other.address() as AddressInfo;
    await assert.rejects(start("taken", 1, ["--listen-https", `127.0.0.1:${port}`]), (error: Error) => {
      return error.message.includes(`127.0.0.1:${port}`) && error.message.includes("--listen-https");
    });
  } finally {
    other.close();
  }
});
