/** What a worker counts of protocols and actions, and that what is open comes back to zero. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, constants } from "node:http2";
import type { Socket } from "node:net";
import { test } from "node:test";
import { answerOf, CacheWorld } from "../../testing/cache-world.ts";
import { ProxyWorld, type SeenRequest, until } from "../../testing/proxy-world.ts";
import { CODE_NAMES } from "../http2/counts.ts";

const { NGHTTP2_CANCEL } = constants;
const UPGRADE =
  "GET / HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/** By name, those that are not zero. */
function byCode(counts: readonly number[]): Record<string, number> {
  return Object.fromEntries(CODE_NAMES.flatMap((name, at) => (counts[at] ? [[name, counts[at]]] : [])));
}

test("connections and streams of HTTP/2 are counted, resets and GOAWAYs by their codes", async () => {
  await using world = await ProxyWorld.start();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url === "/whole") response.end("whole");
  });
  world.route(await world.listen((socket) => server.emit("connection", socket)));
  const client = connect(`http://127.0.0.1:${world.port}`);
  await once(client, "remoteSettings");
  const ask = (path: string) => client.request({ ":authority": "app.example", ":path": path });
  const whole = ask("/whole").resume();
  await once(whole, "close");
  const given = ["/1", "/2"].map((path) => ask(path));
  for (const stream of given) stream.on("error", () => undefined);
  await until(() => asked.length === 3, "both are under way");
  const during = world.proxy.stats().http2.client;
  deepEqual([during.connections, during.streams, during.streamsTotal], [1, 2, 3]);
  for (const stream of given) stream.close(NGHTTP2_CANCEL);
  await until(() => world.proxy.stats().http2.client.streams === 0, "both are given up");
  const left = world.proxy.drain(AbortSignal.timeout(30_000));
  client.close();
  await left;
  const { client: after, upstream } = world.proxy.stats().http2;
  deepEqual([after.connections, after.connectionsTotal, after.streamsTotal], [0, 1, 3]);
  deepEqual(byCode(after.resetsReceived), { CANCEL: 2 });
  ok((byCode(after.goAwaysSent)["NO_ERROR"] ?? 0) >= 1);
  deepEqual(byCode(after.resetsSent), {});
  equal(upstream.connectionsTotal, 0);
});

test("a number of an error that has no name counts as other", async () => {
  await using world = await ProxyWorld.start();
  const server = createServer(() => undefined);
  world.route(await world.listen((socket) => server.emit("connection", socket)));
  const client = connect(`http://127.0.0.1:${world.port}`);
  await once(client, "remoteSettings");
  const stream = client.request({ ":authority": "app.example" });
  stream.on("error", () => undefined);
  await until(() => world.proxy.stats().http2.client.streams === 1, "it is under way");
  stream.close(0x7fff_ffff);
  await until(() => world.proxy.stats().http2.client.streams === 0, "it is given up");
  deepEqual(byCode(world.proxy.stats().http2.client.resetsReceived), { other: 1 });
  client.destroy();
});

test("WebSockets count while they are open, however they end", async () => {
  await using world = await ProxyWorld.start();
  const sockets: Socket[] = [];
  world.route(
    await world.listen((socket) => {
      sockets.push(socket);
      socket.once("data", () => socket.write(SWITCH));
    }),
  );
  const tunnels = () => [world.proxy.stats().tunnels, world.proxy.stats().tunnelsTotal];
  const clients = [await world.connect(), await world.connect()];
  for (const client of clients) client.write(UPGRADE);
  await until(() => clients.every(({ text }) => text.includes(" 101 ")), "the switch");
  deepEqual(tunnels(), [2, 2]);
  clients[0]?.socket.resetAndDestroy();
  await until(() => tunnels()[0] === 1, "the client has gone");
  for (const socket of sockets) socket.resetAndDestroy();
  await until(() => tunnels()[0] === 0, "the upstream has gone");
  deepEqual(tunnels(), [0, 2]);
});

test("why requests fail is counted for all together, and bytes of what is compressed before and after", async () => {
  await using world = await ProxyWorld.start();
  world.actions = { compress: {} };
  const text = "Skerry is a small rock that stays above water.\n".repeat(100);
  await world.upstream(
    () => `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  );
  const ask = (host: string) =>
    world.exchange(`GET / HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n`);
  ok((await ask("app.example")).includes("Content-Encoding: gzip"));
  await ask("nobody.example");
  await ask("nobody.example");
  const { errors, compressedIn, compressedOut } = world.proxy.stats();
  deepEqual(errors, { "not_found/route": 2 });
  equal(compressedIn, text.length);
  ok(compressedOut > 0 && compressedOut < text.length / 5);
});

test("what became of requests of a route that keeps answers is counted, and what it keeps", async () => {
  const head = 'ETag: "a"\r\nCache-Control: max-age=10\r\n';
  const answer = ({ headers, line }: SeenRequest): string => {
    if (headers.has("if-none-match")) return `HTTP/1.1 304 Not Modified\r\n${head}\r\n`;
    return answerOf(line.includes("/never") ? "Cache-Control: no-store\r\n" : head, "ok");
  };
  await using world = await CacheWorld.start(answer, {}, {}, { maxCacheEntries: 1 });
  for (const path of ["/a", "/a", "/a", "/never"]) await world.ask("", path);
  world.time.skewMs += 11_000;
  await world.ask("", "/a");
  const { cacheResults, cacheEntries, cacheBytes, cacheEvictions } = world.proxy.proxy.stats();
  deepEqual(cacheResults, { hit: 2, revalidated: 1, stale: 0, miss: 1, passed: 1 });
  deepEqual([cacheEntries, cacheBytes > 0, cacheEvictions], [1, true, 0]);
  await world.ask("", "/b");
  const after = world.proxy.proxy.stats();
  deepEqual([after.cacheResults.miss, after.cacheEntries, after.cacheEvictions], [2, 1, 1]);
});
