/** Routes below HTTP through the real daemon: ports that come and go, killed workers, a killed daemon. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const DEADLINE_MS = 20_000;

let directory: string;
let backend: Server;
let to: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-l4-"));
  backend = await serve(0, (socket) => socket.pipe(socket));
  to = `tcp://127.0.0.1:${portOf(backend)}`;
});
after(async () => {
  backend.close();
  await rm(directory, { recursive: true, force: true });
});

async function serve(port: number, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A port that nobody has just now. */
async function freePort(): Promise<number> {
  const server = await serve(0, () => undefined);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const start = (data: string, more: readonly string[] = []): Promise<DaemonProcess> =>
  startDaemonProcess({ data: join(directory, data), argv: ["--gateway-workers", "2", ...more] });

const create = (client: Client, listen: string, target = to) =>
  client.call(routeRoutes.create, { body: { spec: { listen, to: target } } });

/** What comes back for `text`; "" when the connection ends without. */
async function ask(port: number, text: string): Promise<string> {
  const socket = createConnection({ host: "127.0.0.1", port });
  socket.on("error", () => undefined);
  let got = "";
  socket.on("data", (bytes) => {
    got += bytes.toString();
  });
  socket.end(text);
  await new Promise((resolve) => socket.once("close", resolve));
  return got;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const startMs = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - startMs < DEADLINE_MS, `not in time: ${what}`);
    await sleep(10);
  }
}

test("a port leads to a backend as soon as the route is answered, on every worker, and no more when it is gone", async () => {
  await using daemon = await start("tcp");
  const client = daemon.client(await daemon.login());
  const port = await freePort();
  for (let round = 0; round < 2; round++) {
    const route = await create(client, `tcp://:${port}`);
    assert.deepEqual([route.status?.url, route.status?.state], [`tcp://127.0.0.1:${port}`, "ready"]);
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => ask(port, `${n}`)));
    assert.deepEqual(answers, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    const params = { name: `tcp-${port}` };
    await until("it is counted", async () => {
      const { status } = await client.call(routeRoutes.get, { params });
      return status?.traffic?.connections === 8 && status.traffic.bytesIn === 8 && status.traffic.open === 0;
    });
    await client.call(routeRoutes.delete, { params });
    assert.equal(await ask(port, "x"), "");
  }
});

test("a port that another program has is told, and had when it is free", async () => {
  await using daemon = await start("taken");
  const client = daemon.client(await daemon.login());
  const other = await serve(0, (socket) => socket.resume().end("another program"));
  const port = portOf(other);
  const { status } = await create(client, `tcp://:${port}`);
  assert.match(status?.reason ?? "", /another program uses the port/);
  assert.equal(await ask(port, "x"), "another program");
  await new Promise((resolve) => other.close(resolve));
  await until("it is served", async () => (await ask(port, "mine")) === "mine");
  const { status: later } = await client.call(routeRoutes.get, { params: { name: `tcp-${port}` } });
  assert.equal(later?.state, "ready");
});

test("a worker that is killed takes its own connections alone; a daemon that is killed gives the ports back", async () => {
  await using daemon = await start("killed");
  const client = daemon.client(await daemon.login());
  const port = await freePort();
  await create(client, `tcp://:${port}`);
  const talks: { socket: Socket; got: string; closed: boolean }[] = [];
  for (let n = 0; n < 24; n++) {
    const talk = { socket: createConnection({ host: "127.0.0.1", port }), got: "", closed: false };
    talk.socket.on("error", () => undefined);
    talk.socket.on("data", (bytes) => {
      talk.got += bytes.toString();
    });
    talk.socket.on("close", () => {
      talk.closed = true;
    });
    talk.socket.write("a");
    talks.push(talk);
  }
  await until("all talk", () => talks.every(({ got }) => got === "a"));
  const [victim = 0] = await childrenOf(daemon.pid);
  process.kill(victim, "SIGKILL");
  await until("its connections end", () => talks.some(({ closed }) => closed));
  const left = talks.filter(({ closed }) => !closed);
  assert.ok(left.length > 0, "the other worker had none of 24 connections");
  for (const { socket } of left) socket.write("b");
  await until("the others go on", () => left.every(({ got }) => got === "ab"));
  await until(
    "another worker",
    async () => (await childrenOf(daemon.pid)).filter((pid) => pid !== victim).length === 2,
  );
  assert.ok(left.every(({ closed }) => !closed));
  await until("new ones are served", async () => (await ask(port, "c")) === "c");
  await daemon.kill();
  await until("all end", () => talks.every(({ closed }) => closed));
  await using again = await start("killed");
  assert.equal(await ask(port, "d"), "d", "it is there again when the daemon is ready");
  assert.ok(again.pid > 0);
});
