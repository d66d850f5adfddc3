/** Where requests go: addresses that are refused, names that move, TLS, turns, unix sockets. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { realClock } from "../../platform/clock.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import type { Backend, TableEntry } from "../table.ts";

const GET = "GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const TLS = new URL("../../../../../fixtures/gateway/tls/", import.meta.url);
const cert = readFileSync(new URL("certificate.pem", TLS), "utf8");
const key = readFileSync(new URL("key.pem", TLS), "utf8");

function backend(host: string, port: number, isTls = false): Backend {
  return { kind: "tcp", host, port, tls: isTls, basePath: "" };
}

test("a restricted route to this machine is refused, by address and by name", async () => {
  await using world = await ProxyWorld.start({ upstreamHeadMs: 500 }, { resolve: async () => ["127.0.0.1", "::1"] });
  let connections = 0;
  const port = await world.listen(() => connections++);
  for (const host of ["127.0.0.1", "[::1]", "innocent.example"]) {
    world.routeTo([backend(host, port)], { reach: "restricted" });
    const answer = await world.exchange(GET);
    match(answer, /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*"code":"forbidden","reason":"upstream"/);
    ok(!answer.includes("127.0.0.1"));
  }
  equal(connections, 0);
});

test("a name that moves to this machine is refused at the next connect, whatever was kept for others", async () => {
  const answers = [["127.0.0.1"], ["127.0.0.1"]];
  let isOwn = false;
  await using world = await ProxyWorld.start(
    {},
    { resolve: async () => answers.shift() ?? [], isOwnAddress: () => isOwn },
  );
  const port = await world.listen((socket) => socket.on("data", () => socket.write(OK)));
  world.routeTo([backend("moving.example", port)], { reach: "any" });
  match(await world.exchange(GET), /^HTTP\/1\.1 200/);
  isOwn = true;
  // The connection of the route that may go anywhere is still open and is not taken.
  world.routeTo([backend("moving.example", port)], { reach: "restricted" });
  match(await world.exchange(GET), /^HTTP\/1\.1 403/);
});

test("a name without an address, and one whose first address is dead", async () => {
  await using world = await ProxyWorld.start(
    {},
    { resolve: async (host) => (host === "two.example" ? ["127.0.0.9", "127.0.0.1"] : []) },
  );
  const port = await world.listen((socket) => socket.on("data", () => socket.write(OK)));
  world.routeTo([backend("none.example", port)]);
  match(await world.exchange(GET), /^HTTP\/1\.1 502 [\s\S]*no address/);
  world.routeTo([backend("two.example", port)]);
  match(await world.exchange(GET), /^HTTP\/1\.1 200/);
});

test("a backend that is too slow to connect to is passed over, for all who ask", async () => {
  await using world = await ProxyWorld.start({ lookupMs: 50 }, { resolve: () => new Promise(() => undefined) });
  const port = await world.listen((socket) => socket.on("data", () => socket.write(OK)));
  world.routeTo([backend("slow.example", port), backend("127.0.0.1", port)]);
  const answers = await Promise.all(Array.from({ length: 12 }, () => world.exchange(GET)));
  for (const answer of answers) match(answer, /^HTTP\/1\.1 200/);
});

test("requests that come together do not try the backend that is full twice", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 1, maxWaiting: 0 });
  let held = 0;
  const silent = [await world.listen(() => held++), await world.listen(() => held++)];
  const [first = 0, second = 0] = silent;
  const up = await world.listen((socket) => socket.on("data", () => socket.write(OK)));
  world.route(first, second, up);
  const clients = await Promise.all([1, 2, 3].map(() => world.connect()));
  for (const client of clients) client.write(GET);
  await until(() => held === 2 && clients.some(({ text }) => text.endsWith("ok")), "two are full, and one is free");
  for (let round = 0; round < 6; round++) match(await world.exchange(GET), /^HTTP\/1\.1 200/);
});

test("routes to one backend share its connections, however long nobody asked", async () => {
  await using world = await ProxyWorld.start({ upstreamIdleMs: 20, maxUpstreamConnections: 1, maxWaiting: 2 });
  let open = 0;
  let most = 0;
  const port = await world.listen((socket) => {
    most = Math.max(most, ++open);
    socket.once("end", () => socket.end());
    socket.once("close", () => open--);
    socket.on("data", () => setTimeout(() => socket.write(OK), 20));
  });
  const entry = (id: string, host: string): TableEntry => {
    return { id, host, path: "/", upstream: { backends: [backend("127.0.0.1", port)], reach: "any" } };
  };
  const first = entry("a", "app.example");
  world.setEntries([first]);
  match(await world.exchange(GET), /^HTTP\/1\.1 200/);
  await until(() => world.proxy.stats().upstreamConnections === 0, "the kept connection ends");
  await realClock.sleep(50);
  world.setEntries([first, entry("b", "other.example")]);
  const other = GET.replace("app", "other");
  for (const answer of await Promise.all([GET, other, GET].map((bytes) => world.exchange(bytes)))) {
    match(answer, /^HTTP\/1\.1 200/);
  }
  equal(most, 1);
});

test("backends take turns", async () => {
  await using world = await ProxyWorld.start();
  const taken = [0, 0, 0];
  const ports = await Promise.all(
    taken.map((_, i) =>
      world.listen((socket) =>
        socket.on("data", () => {
          taken[i] = (taken[i] ?? 0) + 1;
          socket.write(OK);
        }),
      ),
    ),
  );
  world.route(...ports);
  for (let i = 0; i < 9; i++) await world.exchange(GET);
  deepEqual(taken, [3, 3, 3]);
});

test("a unix socket", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skerry-proxy-"));
  const server = createServer((socket) => socket.on("data", () => socket.write(OK)));
  try {
    const path = join(folder, "site.sock");
    server.listen(path);
    await once(server, "listening");
    await using world = await ProxyWorld.start();
    world.routeTo([{ kind: "unix", path, basePath: "/bucket" }], { reach: "restricted" });
    match(await world.exchange(GET), /^HTTP\/1\.1 200/);
    world.routeTo([{ kind: "unix", path: join(folder, "absent.sock"), basePath: "" }]);
    const answer = await world.exchange(GET);
    match(answer, /^HTTP\/1\.1 502/);
    ok(!answer.includes(folder));
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test("an https upstream is verified by its name", async () => {
  const names: unknown[] = [];
  const server = createTlsServer({ cert, key, ALPNProtocols: ["http/1.1"] }, (socket) => {
    names.push(socket.servername);
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(OK));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const resolve = async (): Promise<string[]> => ["127.0.0.1"];
  try {
    await using trusting = await ProxyWorld.start({}, { resolve, upstreamCa: [cert] });
    trusting.routeTo([backend("upstream.example", port, true)]);
    match(await trusting.exchange(GET + GET), /^HTTP\/1\.1 200/);
    deepEqual(names, ["upstream.example"]);
    for (const host of ["other.example", "127.0.0.1"]) {
      trusting.routeTo([backend(host, port, true)]);
      match(await trusting.exchange(GET), /^HTTP\/1\.1 502 [\s\S]*certificate/);
    }
    await using doubting = await ProxyWorld.start({}, { resolve });
    doubting.routeTo([backend("upstream.example", port, true)]);
    match(await doubting.exchange(GET), /^HTTP\/1\.1 502 [\s\S]*certificate/);
  } finally {
    server.close();
  }
});

test("answers over TLS take no buffer each", async (t) => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => OK);
  const server = createTlsServer({ cert, key }, (socket) => world.proxy.accept(socket, true));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const allocations = t.mock.method(Buffer, "allocUnsafeSlow");
  const socket = connect({ port, host: "127.0.0.1", ca: cert, servername: "upstream.example" });
  try {
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
    for (let count = 1; count <= 30; count++) {
      socket.write("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
      await until(() => text.split("\r\n\r\nok").length === count + 1, "an answer");
    }
    const large = allocations.mock.calls.filter((call) => (call.arguments[0] as number) >= 65_536).length;
    ok(large < 5, `${large} buffers`);
  } finally {
    socket.destroy();
    server.close();
  }
});

test("answers over TLS that share one connection to the upstream do not mix", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 1 });
  const bytesEach = 40_000;
  await world.upstream(({ line }) => {
    const letter = line.slice(5, 6);
    return `HTTP/1.1 200 OK\r\nContent-Length: ${bytesEach}\r\n\r\n${letter.repeat(bytesEach)}`;
  });
  const server = createTlsServer({ cert, key }, (socket) => world.proxy.accept(socket, true));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const read = async (letter: string): Promise<string> => {
    const socket = connect({ port, host: "127.0.0.1", ca: cert, servername: "upstream.example" });
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
    const request = `GET /${letter} HTTP/1.1\r\nHost: app.example\r\n`;
    socket.write(`${`${request}\r\n`.repeat(9)}${request}Connection: close\r\n\r\n`);
    await once(socket, "close");
    return text.replace(/HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n/g, "");
  };
  try {
    const letters = [..."abcdefgh"];
    const texts = await Promise.all(letters.map(read));
    for (const [i, letter] of letters.entries()) ok(texts[i] === letter.repeat(10 * bytesEach), letter);
  } finally {
    server.close();
  }
});

test("clients over TLS: large bodies both ways, the scheme, and the end", async () => {
  await using world = await ProxyWorld.start();
  const body = "0123456789".repeat(200_000);
  const seen = await world.upstream(
    (request) => `HTTP/1.1 200 OK\r\nContent-Length: ${request.body.length}\r\n\r\n${request.body}`,
  );
  const server = createTlsServer({ cert, key, allowHalfOpen: true } as object, (socket) =>
    world.proxy.accept(socket, true),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const socket: TLSSocket = connect({
      port: (server.address() as AddressInfo).port,
      host: "127.0.0.1",
      ca: cert,
      servername: "upstream.example",
    });
    let text = "";
    let hasEnded = false;
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
    socket.once("end", () => {
      hasEnded = true;
    });
    socket.write(`POST /a HTTP/1.1\r\nHost: app.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await until(() => text.length > body.length, "the first answer");
    socket.write(`POST /b HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx`);
    await until(() => hasEnded, "the end");
    equal(text.split("HTTP/1.1 200").length - 1, 2);
    ok(text.includes(body));
    equal(seen[1]?.headers.get("x-forwarded-proto"), "https");
    match(seen[1]?.headers.get("forwarded") ?? "", /proto=https$/);
    socket.destroy();
  } finally {
    server.close();
  }
});
