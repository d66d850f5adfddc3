/** TLS of the gateway with real clients: certificates that people bring, their rotation, and their keys on disk. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { makeAuthority, type TestAuthority } from "@skerry/core/testing/certificates.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

let directory: string;
let upstream: Server;
let upstreamUrl: string;
let ca: TestAuthority;
let caFile: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-gateway-tls-"));
  upstream = createServer((request, response) => {
    response.setHeader("x-client-cert", request.headers["client-cert"] ?? "none");
    if (request.url !== "/stream") return void response.end("hello");
    const timer = setInterval(() => response.write("tick\n"), 20);
    response.once("close", () => clearInterval(timer));
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  ca = await (await makeAuthority("Root")).below("Middle");
  caFile = join(directory, "root.pem");
  await writeFile(caFile, ca.certificate);
});
after(async () => {
  upstream.close();
  upstream.closeAllConnections();
  await rm(directory, { recursive: true, force: true });
});

const start = (data: string) => startDaemonProcess({ data: join(directory, data), argv: ["--gateway-workers", "2"] });
const portOf = (daemon: DaemonProcess) => Number(new URL(daemon.httpsUrl ?? "").port);

function sClient(daemon: DaemonProcess, ...args: string[]): Promise<string> {
  const all = ["s_client", "-connect", `127.0.0.1:${portOf(daemon)}`, "-CAfile", caFile, ...args];
  return new Promise((resolve) => {
    const child = execFile("openssl", all, { timeout: 20_000 }, (_error, stdout, stderr) => resolve(stdout + stderr));
    child.stdin?.end("");
  });
}

async function addRoute(client: Client, host: string): Promise<void> {
  await client.call(routeRoutes.create, { body: { spec: { host, to: upstreamUrl } } });
}

async function addCertificate(client: Client, name: string, names: readonly string[]): Promise<string> {
  const { serial, ...spec } = await ca.issue({ names });
  await client.call(certificateRoutes.create, { body: { name, spec } });
  return serial.toUpperCase();
}

/** Serials that ten handshakes get, from whichever workers. */
async function serialsOf(daemon: DaemonProcess, servername: string): Promise<string[]> {
  const shake = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: portOf(daemon), servername, ca: ca.certificate }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.once("error", reject);
    });
  return [...new Set(await Promise.all(Array.from({ length: 10 }, shake)))];
}

test("each host gets its own certificate with its chain, the most specific one, and again after a restart", async () => {
  const daemon = await start("names");
  let client = daemon.client(await daemon.login());
  for (const host of ["a.example.com", "b.example.com", "*.c.example.com", "one.c.example.com"]) {
    await addRoute(client, host);
  }
  const own = { a: await addCertificate(client, "a", ["a.example.com", "*.example.com"]) };
  const b = await addCertificate(client, "b", ["b.example.com"]);
  const wild = await addCertificate(client, "wild", ["*.c.example.com", "c.example.com"]);
  const two = await addCertificate(client, "two", ["two.c.example.com"]);
  const said = await sClient(daemon, "-servername", "a.example.com", "-verify_return_error", "-status");
  assert.match(said, /Verification: OK/);
  assert.match(said, / 1 s:CN = Middle/);
  assert.match(said, /OCSP response: no response sent/);
  const expected = { "a.example.com": own.a, "b.example.com": b, "x.c.example.com": wild, "one.c.example.com": wild };
  for (const [host, serial] of Object.entries({ ...expected, "two.c.example.com": two })) {
    assert.deepEqual(await serialsOf(daemon, host), [serial], host);
  }
  // In no file but sealed, and in no answer.
  const seen = await client.call(certificateRoutes.get, { params: { name: "a" } });
  assert.ok(!JSON.stringify(seen).includes("PRIVATE KEY"));
  assert.deepEqual(seen.status?.names, ["a.example.com", "*.example.com"]);
  await daemon.kill("SIGKILL");
  for (const file of await readdir(join(directory, "names"), { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || file.name === "authority.key") continue;
    const text = await readFile(join(file.parentPath, file.name), "latin1");
    assert.ok(!text.includes("PRIVATE KEY"), file.name);
  }
  await using again = await start("names");
  client = again.client(await again.login());
  assert.deepEqual(await serialsOf(again, "b.example.com"), [b]);
  await client.call(certificateRoutes.delete, { params: { name: "two" } });
  assert.deepEqual(await serialsOf(again, "two.c.example.com"), [wild]);
  await client.call(certificateRoutes.delete, { params: { name: "b" } });
  assert.deepEqual(await serialsOf(again, "b.example.com"), [own.a], "by its wildcard");
  await client.call(certificateRoutes.delete, { params: { name: "a" } });
  await assert.rejects(serialsOf(again, "b.example.com"), /unable to (verify|get)|self-signed/i, "our own authority's");
});

test("one that expires falls back to our own authority, and is told of before", async () => {
  await using daemon = await start("expire");
  const client = daemon.client(await daemon.login());
  await addRoute(client, "a.example.com");
  const { serial, ...spec } = await ca.issue({ names: ["a.example.com"], toMs: 4000 });
  const made = await client.call(certificateRoutes.create, { body: { name: "a", spec } });
  assert.equal(made.status?.state, "expiring");
  assert.deepEqual(await serialsOf(daemon, "a.example.com"), [serial.toUpperCase()]);
  const { warnings } = await client.call(nodeRoutes.status);
  assert.match(warnings?.join() ?? "", /^The certificate a \(a\.example\.com\) expires on \d{4}-\d\d-\d\d\.$/);
  const deadlineMs = performance.now() + 40_000;
  for (;;) {
    const own = await sClient(daemon, "-servername", "a.example.com");
    if (/issuer=O = Skerry|issuer=CN = Skerry/.test(own)) break;
    assert.ok(performance.now() < deadlineMs, own);
  }
  const { status } = await client.call(certificateRoutes.get, { params: { name: "a" } });
  assert.deepEqual([status?.state, status?.reason], ["expired", "its hosts get one of the cloud's own authority"]);
  await client.call(certificateRoutes.update, { params: { name: "a" }, body: { labels: { still: "changed" } } });
});

/** Pid of a worker that does not have the connection. */
async function otherWorker(daemon: DaemonProcess, { localPort }: TLSSocket): Promise<number> {
  const port = portOf(daemon).toString(16).toUpperCase().padStart(4, "0");
  const peer = (localPort ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const table = (await readFile("/proc/net/tcp", "utf8")).split("\n");
  // The line of the gateway's end, not of ours.
  const inode = table
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[1]?.endsWith(`:${port}`) && fields[2] === `0100007F:${peer}`)?.[9];
  assert.ok(inode !== undefined);
  const children = (await readFile(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8")).trim().split(" ");
  for (const pid of children) {
    const names = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(names.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
    if (!links.includes(`socket:[${inode}]`)) return Number(pid);
  }
  throw new Error(`all workers have the connection ${inode}`);
}

test("a rotated certificate is the one of new handshakes, and what is under way goes on", async () => {
  await using daemon = await start("rotate");
  const client = daemon.client(await daemon.login());
  await addRoute(client, "a.example.com");
  const first = await addCertificate(client, "a", ["a.example.com"]);
  assert.deepEqual(await serialsOf(daemon, "a.example.com"), [first]);
  const stream = connect({ host: "127.0.0.1", port: portOf(daemon), servername: "a.example.com", ca: ca.certificate });
  using _ = { [Symbol.dispose]: () => void stream.destroy() };
  await once(stream, "secureConnect");
  stream.write("GET /stream HTTP/1.1\r\nHost: a.example.com\r\n\r\n");
  let ticks = 0;
  stream.on("data", (bytes: Buffer) => {
    ticks += bytes.toString().split("tick").length - 1;
  });
  const idleWorker = await otherWorker(daemon, stream);
  for (let round = 0; round < 3; round++) {
    const { serial, ...spec } = await ca.issue({ names: ["a.example.com"] });
    const changed = client.call(certificateRoutes.update, { params: { name: "a" }, body: { spec } });
    // A worker that dies meanwhile is replaced by one that knows the new one alone.
    if (round === 2) process.kill(idleWorker, "SIGKILL");
    await changed;
    // Connections that the dead one had taken are lost with it.
    const seen = await serialsOf(daemon, "a.example.com").catch(() => serialsOf(daemon, "a.example.com"));
    assert.deepEqual(seen, [serial.toUpperCase()], "when it is answered");
  }
  const before = ticks;
  await once(stream, "data");
  await once(stream, "data");
  assert.ok(ticks > before && !stream.destroyed);
  assert.equal(stream.getPeerCertificate().serialNumber, first);
  stream.destroy();
});

test("an upstream is verified: self-signed is 502 with its reason, with its authority, name or trust 200", async () => {
  const own = await makeAuthority("Backends");
  const { certificate: cert, key } = await own.issue({ names: ["backend.internal"] });
  const clients = await makeAuthority("Gateways");
  let reused = 0;
  const backend = createTlsServer({ cert, key, ca: clients.certificate, requestCert: true, rejectUnauthorized: false });
  backend.on("secureConnection", (socket) => {
    if (socket.isSessionReused()) reused++;
  });
  backend.on("request", ({ socket }: { socket: TLSSocket & { servername?: string } }, response) => {
    const subject = socket.getPeerCertificate().subject?.CN ?? "nobody";
    response.setHeader("connection", "close").end(`${socket.servername} ${socket.authorized ? subject : "nobody"}`);
  });
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  try {
    await using daemon = await start("upstreams");
    const client = daemon.client(await daemon.login());
    const to = `https://127.0.0.1:${(backend.address() as AddressInfo).port}`;
    const add = (name: string, upstreamTls?: object) =>
      client.call(routeRoutes.create, {
        body: { name, spec: { host: `${name}.example.com`, to, ...(upstreamTls && { upstreamTls }) } } as never,
      });
    const ask = async (name: string) => {
      const args = ["-s", "-w", "%{http_code}", "-H", `Host: ${name}.example.com`, `${daemon.httpUrl}/`];
      return (await promisify(execFile)("curl", args)).stdout;
    };
    await add("trusting", { verify: false });
    assert.match(await ask("trusting"), /^undefined|^false nobody200$/);
    await add("plain");
    const refused = await ask("plain");
    assert.match(refused, /"reason":"upstream-tls"[\s\S]*502$/);
    assert.match(refused, /of no authority that is trusted here/);
    await add("unnamed", { ca: own.certificate });
    assert.match(await ask("unnamed"), /of another name[\s\S]*502$/);
    await add("good", { ca: own.certificate, serverName: "backend.internal" });
    assert.equal(await ask("good"), "backend.internal nobody200");
    assert.match(await ask("plain"), /502$/, "what others verified otherwise is not shared");
    assert.equal(await ask("good"), "backend.internal nobody200");
    for (let n = 0; n < 10 && reused === 0; n++) await ask("good");
    assert.ok(reused > 0, "sessions go on");
    const { serial: _, ...spec } = await clients.issue({ subject: "CN=gateway", use: "client" });
    const shows = { ca: own.certificate, serverName: "backend.internal", clientCertificate: "us" };
    const made = await add("mutual", shows);
    assert.deepEqual([made.status?.state, made.status?.reason], ["down", "there is no certificate us"]);
    await client.call(certificateRoutes.create, { body: { name: "us", spec: { use: "client", ...spec } } });
    assert.equal(await ask("mutual"), "backend.internal gateway200");
    assert.equal(await ask("good"), "backend.internal nobody200");
    await assert.rejects(client.call(certificateRoutes.delete, { params: { name: "us" } }), /The route mutual shows/);
    await client.call(routeRoutes.update, { params: { name: "mutual" }, body: { spec: { upstreamTls: null } } });
    await client.call(certificateRoutes.delete, { params: { name: "us" } });
    await assert.rejects(
      client.call(routeRoutes.update, { params: { name: "good" }, body: { spec: { to: "http://127.0.0.1:1" } } }),
      /No TLS is spoken/,
    );
  } finally {
    backend.close();
    backend.closeAllConnections();
  }
});
