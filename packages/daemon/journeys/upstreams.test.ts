/** Upstreams of several backends as people use them: the CLI against a daemon with real workers and real backends. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer, get, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/contract/errors.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

interface Backend {
  readonly name: string;
  readonly server: Server;
  readonly to: string;
}

let directory: string;
let daemon: DaemonProcess;
let admin: Client;
const backends: Backend[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

async function startBackend(name: string): Promise<Backend> {
  const server = createServer((_request, response) => response.end(name)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { name, server, to: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-upstreams-"));
  for (const name of ["a", "b", "c"]) backends.push(await startBackend(name));
  daemon = await startDaemonProcess({ data: join(directory, "data"), argv: ["--gateway-workers", "1"] });
  admin = daemon.client(await daemon.login());
});
after(async () => {
  agent.destroy();
  await daemon[Symbol.asyncDispose]();
  for (const { server } of backends) {
    server.close();
    server.closeAllConnections();
  }
  await rm(directory, { recursive: true, force: true });
});

type Said = Pick<Backend, "name" | "to">;

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(host: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const { port } = new URL(daemon.httpUrl ?? "");
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, agent, headers: { host, ...headers } }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on("error", reject);
  });
}

/** Pids of the processes whose parent this is: the gateway workers. */
async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "pid=,args=", "--ppid", String(pid)]);
  const lines = stdout.split("\n").filter((line) => line.includes("worker"));
  return lines.map((line) => Number(line.trim().split(" ")[0]));
}

/** Who has answered how often. */
async function count(host: string, times: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let n = 0; n < times; n++) {
    const { body, status } = await ask(host);
    const who = status === 200 ? body : String(status);
    counts[who] = (counts[who] ?? 0) + 1;
  }
  return counts;
}

const asSaid = () => backends.map(({ name, to }) => ({ name, to }));

test("a route leads to an upstream that comes, is drained, changes and cannot go while it is used", async () => {
  await admin.call(routeRoutes.create, { body: { spec: { host: "early.example", to: "upstream/early" } } });
  const { status } = await admin.call(routeRoutes.get, { params: { name: "early-example" } });
  assert.deepEqual([status?.state, status?.reason], ["down", "there is no upstream early"]);
  assert.deepEqual(await count("early.example", 1), { 502: 1 });
  await admin.call(upstreamRoutes.create, { body: { name: "early", spec: { backends: asSaid() } } });
  assert.deepEqual(await count("early.example", 30), { a: 10, b: 10, c: 10 });

  const drained = asSaid().map((one) => ({ ...one, drain: one.name !== "b" }));
  await admin.call(upstreamRoutes.update, { params: { name: "early" }, body: { spec: { backends: drained } } });
  assert.deepEqual(await count("early.example", 10), { b: 10 });
  const all = asSaid().map((one) => ({ ...one, drain: true }));
  const shown = await admin.call(upstreamRoutes.update, {
    params: { name: "early" },
    body: { spec: { backends: all } },
  });
  assert.deepEqual([shown.status?.state, shown.status?.reason], ["down", "all backends are drained"]);
  assert.deepEqual(await count("early.example", 2), { 502: 2 });

  await assert.rejects(
    admin.call(upstreamRoutes.delete, { params: { name: "early" } }),
    (error) => isError(error, "conflict") && /Routes lead to the upstream early: early-example\./.test(error.message),
  );
  await admin.call(routeRoutes.delete, { params: { name: "early-example" } });
  await admin.call(upstreamRoutes.delete, { params: { name: "early" } });
});

test("a route with a tag reaches none but backends that have it", async () => {
  const tags = { a: [], b: ["gpu"], c: ["gpu", "eu"] } as Record<string, string[]>;
  const said = asSaid().map((one) => ({ ...one, tags: tags[one.name] ?? [] }));
  await admin.call(upstreamRoutes.create, { body: { name: "tagged", spec: { backends: said } } });
  const make = (host: string, asked: string[]) =>
    admin.call(routeRoutes.create, { body: { spec: { host, to: "upstream/tagged", tags: asked } } });
  await make("gpu.example", ["gpu"]);
  await make("both.example", ["eu", "gpu"]);
  assert.deepEqual(await count("gpu.example", 20), { b: 10, c: 10 });
  assert.deepEqual(await count("both.example", 5), { c: 5 });
  const other = await make("none.example", ["tpu"]);
  assert.match(other.status?.reason ?? "", /no backend of the upstream tagged has the tags tpu/);
  await assert.rejects(
    admin.call(routeRoutes.create, { body: { spec: { host: "x.example", to: "http://127.0.0.1:1", tags: ["gpu"] } } }),
    /leads to none/,
  );
});

test("a cookie that is given over TLS comes back over TLS alone, and is good after the worker was killed", async () => {
  const said = { backends: asSaid(), sticky: { by: "cookie" } as const };
  await admin.call(upstreamRoutes.create, { body: { name: "stuck", spec: said } });
  await admin.call(routeRoutes.create, { body: { spec: { host: "stuck.example", to: "upstream/stuck" } } });
  const { port } = new URL(daemon.httpsUrl ?? "");
  const askSecurely = async (more: readonly string[] = []) => {
    const address = `https://stuck.example:${port}/`;
    const argv = [
      "-sSk",
      "--http2",
      "--max-time",
      "10",
      "--resolve",
      `stuck.example:${port}:127.0.0.1`,
      "-D",
      "-",
      ...more,
    ];
    const { stdout } = await promisify(execFile)("curl", [...argv, address]);
    const [head = "", body = ""] = stdout.split("\r\n\r\n");
    return { body, cookie: /^set-cookie: (.*)$/im.exec(head)?.[1] };
  };
  const first = await askSecurely();
  assert.match(first.cookie ?? "", /^skerry-stuck=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  const cookie = first.cookie?.split(";")[0] ?? "";
  const workers = await childrenOf(daemon.pid);
  assert.equal(workers.length, 1);
  for (const pid of workers) process.kill(pid, "SIGKILL");
  const endMs = performance.now() + 20_000;
  for (;;) {
    const again = await askSecurely(["-b", cookie]).catch((error: Error) => error);
    if (!(again instanceof Error)) {
      assert.deepEqual(again, { body: first.body, cookie: undefined });
      break;
    }
    assert.ok(performance.now() < endMs, again.message);
    await sleep(50);
  }
  agent.destroy();
});

test("who reads an upstream sees what its backends do, and which of them a request may get", async () => {
  const dead = { name: "dead", to: "http://127.0.0.1:1" };
  const gone = { name: "gone", to: "container/none:80" };
  const [a, b, c] = asSaid() as [Said, Said, Said];
  const said = [a, { ...b, drain: true }, { ...c, tags: ["x"] }, dead, gone];
  const sticky = { by: "cookie", name: "stay" } as const;
  const balance = { method: "hash", on: "header", name: "X-User" } as const;
  await admin.call(upstreamRoutes.create, { body: { name: "seen", spec: { backends: said, sticky, balance } } });
  await admin.call(routeRoutes.create, { body: { spec: { host: "seen.example", to: "upstream/seen" } } });
  await admin.call(routeRoutes.create, {
    body: { spec: { host: "x.seen.example", to: "upstream/seen", tags: ["x"] } },
  });
  await count("seen.example", 12);
  const endMs = performance.now() + 20_000;
  for (;;) {
    const { status } = await admin.call(upstreamRoutes.get, { params: { name: "seen" } });
    const traffic = new Map(status?.backends.map((one) => [one.name, one.traffic]));
    const [ofA, ofC, ofDead] = ["a", "c", "dead"].map((name) => traffic.get(name));
    const isTold = ofA !== undefined && ofC !== undefined && ofDead !== undefined;
    if (isTold && ofA.requests + ofC.requests === 12 && ofA.inFlight + ofC.inFlight === 0) {
      assert.ok(ofA.ewmaMs > 0);
      assert.ok(ofDead.failures > 0 && ofDead.failures === ofDead.requests);
      assert.equal(traffic.get("b"), undefined);
      break;
    }
    assert.ok(performance.now() < endMs, JSON.stringify(status));
    await sleep(50);
  }
  const explain = async (host: string, headers: { name: string; value: string }[] = []) => {
    const body = { method: "GET", url: `http://${host}/`, headers };
    return (await admin.call(routeRoutes.explain, { body })).outcome.choice;
  };
  const plain = await explain("seen.example", [{ name: "X-User", value: "u1" }]);
  assert.deepEqual(
    plain?.backends.map(({ name, eligible, why }) => [name, eligible, why]),
    [
      ["a", true, "weight 1"],
      ["b", false, "it is drained"],
      ["c", true, "weight 1"],
      ["dead", true, "weight 1"],
      ["gone", false, "there is no container none"],
    ],
  );
  assert.match(plain?.how[0] ?? "", /no cookie stay: the answer sets it/);
  assert.match(plain?.how[1] ?? "", /its header x-user belongs to: (a|c|dead),/);
  const tagged = await explain("x.seen.example");
  assert.deepEqual(
    tagged?.backends.filter(({ eligible }) => eligible).map(({ name }) => name),
    ["c"],
  );
  assert.match(tagged?.backends[0]?.why ?? "", /has not the tag x/);
});

test("what a member may reach through an upstream is what a route of theirs may", async () => {
  const project = "mia";
  const { password = "" } = await admin.call(userRoutes.create, { body: { name: project } });
  const { token } = await daemon.client().call(sessionRoutes.create, { body: { name: project, password } });
  const member = daemon.client(token);
  const make = (to: string) =>
    member.call(upstreamRoutes.create, { body: { name: "up", spec: { backends: [{ name: "a", to }] } } });
  await assert.rejects(make("http://127.0.0.1:1"), (error) => isError(error, "forbidden"));
  // A name is looked at when it is connected to.
  await make("http://localtest.invalid");
  const guarded = { backends: [{ name: "own", to: backends[0]?.to ?? "" }] };
  await admin.call(upstreamRoutes.create, { body: { name: "given", project, spec: guarded } });
  // What an admin has set stays as it is when a member drains it; elsewhere they may not lead it.
  const drain = (more: object) =>
    member.call(upstreamRoutes.update, {
      params: { name: "given" },
      body: { spec: { backends: guarded.backends.map((one) => ({ ...one, ...more })) } },
    });
  await drain({ drain: true });
  await drain({ drain: false, weight: 5 });
  await assert.rejects(drain({ to: "http://127.0.0.1:9" }), (error) => isError(error, "forbidden"));
  await member.call(routeRoutes.create, { body: { spec: { host: "mia.example", to: "upstream/given" } } });
  assert.deepEqual(await count("mia.example", 3), { a: 3 });
});
