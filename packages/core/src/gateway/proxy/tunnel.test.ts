/** WebSockets: after the switch, bytes go through as they are, each half on its own. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ProxyWorld, type RawClient, until } from "../../testing/proxy-world.ts";

const UPGRADE =
  "GET /chat HTTP/1.1\r\nHost: app.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
const SWITCH =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n";

interface Tunnel {
  readonly client: RawClient;
  readonly upstream: Socket;
  readonly head: string;
  /** What has come to the upstream since the switch. */
  readonly got: { text: string; hasEnded: boolean; isClosed: boolean };
}

async function open(world: ProxyWorld, early = ""): Promise<Tunnel> {
  let upstream: Socket | undefined;
  let head = "";
  const got = { text: "", hasEnded: false, isClosed: false };
  const port = await world.listen((socket) => {
    upstream = socket;
    socket.on("data", (bytes: Buffer) => {
      if (head === "") {
        head = bytes.toString("latin1");
        socket.write(`${SWITCH}first`);
      } else got.text += bytes.toString("latin1");
    });
    socket.once("end", () => {
      got.hasEnded = true;
    });
    socket.once("close", () => {
      got.isClosed = true;
    });
  });
  world.route(port);
  const client = await world.connect();
  client.write(UPGRADE + early);
  await until(() => client.text.endsWith("first"), "the switch");
  return { client, upstream: upstream as Socket, head, got };
}

test("the switch goes through, then bytes both ways", async () => {
  await using world = await ProxyWorld.start();
  const { client, upstream, head, got } = await open(world, "GET /early HTTP/1.1\r\n\r\n");
  match(head, /\r\nSec-WebSocket-Key: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/);
  match(
    client.text,
    /^HTTP\/1\.1 101 Switching Protocols\r\nSec-WebSocket-Accept: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/,
  );
  await until(() => got.text === "GET /early HTTP/1.1\r\n\r\n", "bytes sent before the switch are the tunnel's");
  client.write("\0\u00ff ping");
  await until(() => got.text.endsWith("\0\u00ff ping"), "bytes to the upstream");
  upstream.write("pong");
  await until(() => client.text.endsWith("firstpong"), "bytes to the client");
  equal(world.proxy.stats().inFlight, 1);
});

test("each half ends on its own", async () => {
  await using world = await ProxyWorld.start();
  const { client, upstream, got } = await open(world);
  client.socket.end("last words");
  await until(() => got.hasEnded, "the client's end arrives");
  equal(got.text, "last words");
  upstream.write("still here");
  await until(() => client.text.endsWith("still here"), "the other half goes on");
  upstream.end(" bye");
  match(await client.untilClosed(), /still here bye$/);
  await until(() => got.isClosed && world.proxy.stats().inFlight === 0, "all ends");
  deepEqual([world.records[0]?.status, world.records[0]?.error], [101, undefined]);
});

test("a reset on one side ends the other", async () => {
  await using world = await ProxyWorld.start();
  const first = await open(world);
  first.client.socket.resetAndDestroy();
  await until(() => first.got.hasEnded || first.got.isClosed, "the upstream's side ends");
  const second = await open(world);
  second.upstream.resetAndDestroy();
  await second.client.untilClosed();
  equal(second.client.error, "ECONNRESET");
  equal(world.proxy.stats().inFlight, 0);
});

test("a tunnel through which nothing goes is cut", async () => {
  await using world = await ProxyWorld.start({ tunnelIdleMs: 50 });
  const { client } = await open(world);
  await client.untilClosed();
  equal(world.records[0]?.error, "unavailable/timeout");
});

test("much goes through in both directions, with readers that wait", async () => {
  await using world = await ProxyWorld.start();
  const { client, upstream, got } = await open(world);
  const text = "abcdefghij".repeat(300_000);
  client.socket.pause();
  upstream.pause();
  client.write(text);
  upstream.write(text);
  setTimeout(() => {
    client.socket.resume();
    upstream.resume();
  }, 50);
  await until(() => got.text.length === text.length, "all arrives at the upstream");
  await until(() => client.text.endsWith(`first${text}`), "all arrives at the client");
  ok(got.text === text);
});

test("an upstream that does not switch answers as usual, and the connection goes on", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
  const answer = await world.exchange(`${UPGRADE}GET /next HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n`);
  equal(answer.split("HTTP/1.1 403").length - 1, 2);
  equal(seen[1]?.line, "GET /next HTTP/1.1");
});

test("another protocol is not asked for", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  await world.exchange(
    "GET / HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
  );
  deepEqual([seen[0]?.headers.has("upgrade"), seen[0]?.headers.has("connection")], [false, false]);
});

test("tunnels take no place of requests, until there are too many", async () => {
  await using world = await ProxyWorld.start({ maxInFlight: 4, maxTunnels: 6 });
  await world.upstream(({ headers }) =>
    headers.has("upgrade") ? SWITCH : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
  );
  const tunnels: RawClient[] = [];
  const ask = () => world.exchange("GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n");
  while (tunnels.length < 9) {
    const client = await world.connect();
    client.write(UPGRADE);
    await until(() => client.text.startsWith("HTTP/1.1 101"), "the switch");
    tunnels.push(client);
    match(await ask(), /^HTTP\/1\.1 200/, `${tunnels.length} tunnels`);
  }
  // Three more than may stand aside, and this one.
  const last = await world.connect();
  last.write(UPGRADE);
  await until(() => last.text.startsWith("HTTP/1.1 101"), "the switch");
  match(await ask(), /^HTTP\/1\.1 503 [\s\S]*"reason":"overload"/);
  for (const { socket } of [last, ...tunnels]) socket.destroy();
  await until(() => world.proxy.stats().tunnels === 0 && world.proxy.stats().inFlight === 0, "all are over");
  match(await ask(), /^HTTP\/1\.1 200/);
});
