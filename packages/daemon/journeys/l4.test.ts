/** Routes below HTTP through the real daemon: ports that come and go, killed workers, a killed daemon. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
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

async function metricsOf(client: Client): Promise<string> {
  const { body } = await client.download(nodeRoutes.metrics, {});
  let text = "";
  for await (const part of body) text += Buffer.from(part).toString();
  return text;
}

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
    const rows = `{route="${route.meta.uid}",protocol="tcp"}`;
    const scraped = await metricsOf(client);
    for (const row of ["connections_total#8", "open_connections#0", "received_bytes_total#8", "sent_bytes_total#8"]) {
      assert.ok(scraped.includes(`skerry_gateway_l4_${row.replace("#", `${rows} `)}\n`), `${row} in\n${scraped}`);
    }
    await client.call(routeRoutes.delete, { params });
    assert.equal(await ask(port, "x"), "");
    assert.doesNotMatch(await metricsOf(client), new RegExp(route.meta.uid));
  }
});

/** What curl prints. */
async function curl(...args: string[]): Promise<string> {
  return (await promisify(execFile)("curl", ["-sS", "-k", "--max-time", "10", ...args])).stdout;
}

/** The name in the certificate that a handshake gets. */
async function certificateAt(port: number, servername: string): Promise<string> {
  const socket = connectTls({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { subjectaltname = "" } = socket.getPeerCertificate();
  socket.destroy();
  return subjectaltname;
}

test("a name's TLS goes through unread, and SSH, TLS and HTTP share a port", async () => {
  const tls = (name: string) => readFile(new URL(`../../../fixtures/gateway/tls/${name}`, import.meta.url), "utf8");
  const secure = createTlsServer({ cert: await tls("certificate.pem"), key: await tls("key.pem") }, (socket) =>
    socket.end(),
  );
  secure.on("tlsClientError", () => undefined);
  secure.listen(0, "127.0.0.1");
  await once(secure, "listening");
  const web = createHttpServer((request, response) => response.end(`hello ${request.headers.host}`));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const sshd = await serve(0, (socket) => void socket.write("SSH-2.0-backend\r\n", () => socket.pipe(socket)));
  await using daemon = await start("tls");
  const client = daemon.client(await daemon.login());
  const port = await freePort();
  const secureTo = `tcp://127.0.0.1:${portOf(secure)}`;
  const httpsPort = Number(new URL(daemon.httpsUrl ?? "").port);
  await client.call(routeRoutes.create, {
    body: { spec: { host: "web.example.com", to: `http://127.0.0.1:${portOf(web as unknown as Server)}` } },
  });
  const { status } = await create(client, "tls://upstream.example", secureTo);
  assert.equal(status?.url, `tls://upstream.example:${httpsPort}`);
  await create(client, `tls://other.example:${port}`, secureTo);
  await create(client, `ssh://:${port}`, `tcp://127.0.0.1:${portOf(sshd)}`);
  assert.equal(await certificateAt(httpsPort, "upstream.example"), "DNS:upstream.example");
  assert.equal(await certificateAt(httpsPort, "web.example.com"), "DNS:web.example.com");
  assert.equal(await certificateAt(port, "other.example"), "DNS:upstream.example");
  for (const at of [httpsPort, port]) {
    const url = `https://web.example.com:${at}/`;
    assert.equal(await curl("--resolve", `web.example.com:${at}:127.0.0.1`, url), `hello web.example.com:${at}`);
  }
  assert.equal(await curl("-H", "Host: web.example.com", `http://127.0.0.1:${port}/`), "hello web.example.com");
  assert.equal(await ask(port, "SSH-2.0-client\r\n"), "SSH-2.0-backend\r\nSSH-2.0-client\r\n");
  for (const server of [secure, web, sshd]) server.close();
  web.closeAllConnections();
});

test("UDP: a client stays one client of the backend, whichever worker has it", async () => {
  const opened = async (onMessage: (bytes: Buffer, from: RemoteInfo) => void) => {
    const socket = createSocket("udp4", onMessage);
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return socket;
  };
  const answers = await opened((bytes, from) => answers.send(`${from.port} ${bytes}`, from.port, from.address));
  await using daemon = await start("udp");
  const client = daemon.client(await daemon.login());
  const port = await freePort();
  const { status } = await create(client, `udp://:${port}`, `udp://127.0.0.1:${answers.address().port}`);
  assert.equal(status?.url, `udp://127.0.0.1:${port}`);
  const clients = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const own: string[] = [];
      return { own, n, socket: await opened((bytes) => own.push(bytes.toString())) };
    }),
  );
  for (let round = 0; round < 3; round++) {
    for (const { socket, n } of clients) socket.send(`${n}`, port, "127.0.0.1");
    await until("all are answered", () => clients.every(({ own }) => own.length === round + 1));
  }
  for (const { own, n } of clients) {
    assert.equal(new Set(own).size, 1, `client ${n} was several to the backend: ${own}`);
    assert.ok(own[0]?.endsWith(` ${n}`));
  }
  for (const { socket } of [...clients, { socket: answers }]) socket.close();
});

test("a proxy in front says who asks, and must; the backend hears it", async () => {
  const web = createHttpServer((request, response) => response.end(`from ${request.headers["x-forwarded-for"]}`));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  await using daemon = await start("announced", ["--gateway-proxy-protocol-from", "127.0.0.1"]);
  const client = daemon.client(await daemon.login());
  const port = await freePort();
  const webTo = `http://127.0.0.1:${portOf(web as unknown as Server)}`;
  await client.call(routeRoutes.create, { body: { spec: { host: "web.example.com", to: webTo } } });
  await client.call(routeRoutes.create, { body: { spec: { listen: `tcp://:${port}`, to, proxyProtocol: "v1" } } });
  const head = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
  const httpPort = Number(new URL(daemon.httpUrl ?? "").port);
  const httpsPort = Number(new URL(daemon.httpsUrl ?? "").port);
  const request = "GET / HTTP/1.1\r\nHost: web.example.com\r\nConnection: close\r\n\r\n";
  assert.match(await ask(httpPort, `${head}${request}`), /from 192\.0\.2\.7$/);
  assert.equal(await ask(httpPort, request), "", "who does not say it is not heard");
  const secure = await curl(
    "--haproxy-protocol",
    "--resolve",
    `web.example.com:${httpsPort}:127.0.0.1`,
    "-w",
    "%{http_code}",
    `https://web.example.com:${httpsPort}/`,
  );
  assert.equal(secure, "from 127.0.0.1200");
  const raw = createConnection({ host: "127.0.0.1", port: httpsPort });
  raw.write(head);
  const tls = connectTls({ socket: raw, servername: "web.example.com", rejectUnauthorized: false });
  let answer = "";
  tls.on("data", (bytes: Buffer) => {
    answer += bytes.toString();
  });
  tls.write(request);
  await once(tls, "close");
  assert.match(answer, /from 192\.0\.2\.7$/);
  assert.equal(await ask(port, `${head}hi`), `PROXY TCP4 192.0.2.7 127.0.0.1 4711 ${port}\r\nhi`);
  web.close();
  web.closeAllConnections();
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
  // The ends of one process's connections do not all come in one turn.
  for (const { socket, closed } of talks) if (!closed) socket.write("b");
  await until("the others go on", () => talks.every(({ got, closed }) => closed || got === "ab"));
  const left = talks.filter(({ closed }) => !closed);
  assert.ok(left.length > 0, "the other worker had none of 24 connections");
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
