/** WebSockets through every pair of protocols: an Upgrade in HTTP/1.1, an extended CONNECT in HTTP/2 (RFC 8441). */
import { equal, match, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { type ClientHttp2Stream, connect, createSecureServer, createServer, type ServerHttp2Stream } from "node:http2";
import { describe, test } from "node:test";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const accept = (key: string): string =>
  createHash("sha1")
    .update(key + MAGIC)
    .digest("base64");

/** Echoes what comes, in capitals; ends when the other side does. */
async function http1Upstream(world: ProxyWorld, answerTo = accept): Promise<void> {
  const server = createHttp1Server();
  server.on("upgrade", (request, socket) => {
    const key = answerTo(String(request.headers["sec-websocket-key"]));
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${key}\r\n` +
        `Sec-WebSocket-Protocol: ${request.headers["sec-websocket-protocol"]}\r\n\r\n`,
    );
    socket.on("data", (bytes: Buffer) => socket.write(bytes.toString("latin1").toUpperCase()));
    socket.on("end", () => socket.end());
    socket.on("error", () => undefined);
  });
  world.route(await world.listen((socket) => server.emit("connection", socket)));
}

function echo(stream: ServerHttp2Stream): void {
  stream.on("error", () => undefined);
  stream.respond({ ":status": 200, "sec-websocket-protocol": "chat" });
  stream.on("data", (bytes: Buffer) => stream.write(bytes.toString("latin1").toUpperCase()));
  stream.on("end", () => stream.end());
}

async function http2Upstream(world: ProxyWorld, takesConnect: boolean): Promise<unknown[]> {
  const seen: unknown[] = [];
  const server = createServer({ settings: { enableConnectProtocol: takesConnect } });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    seen.push(headers[":protocol"], headers["sec-websocket-key"], headers["sec-websocket-version"]);
    echo(stream);
  });
  const port = await world.listen((socket) => server.emit("connection", socket));
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
  return seen;
}

const UPGRADE =
  "GET /chat HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  `Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;

async function throughHttp1(world: ProxyWorld): Promise<void> {
  const client = await world.connect();
  client.write(UPGRADE);
  await until(() => client.text.endsWith("\r\n\r\n"), "the switch");
  match(client.text, /^HTTP\/1\.1 101 /);
  ok(client.text.toLowerCase().includes(`sec-websocket-accept: ${accept(KEY).toLowerCase()}\r\n`), client.text);
  match(client.text.toLowerCase(), /sec-websocket-protocol: chat/);
  client.write("hello");
  await until(() => client.text.endsWith("HELLO"), "the echo");
  client.write("x".repeat(300_000));
  await until(() => client.text.length > 300_000 && client.text.endsWith("X".repeat(1000)), "much more");
  client.socket.end();
  await client.untilClosed();
}

async function open(world: ProxyWorld): Promise<{ stream: ClientHttp2Stream; status: number; close: () => void }> {
  const client = connect(`http://127.0.0.1:${world.port}`);
  await once(client, "remoteSettings");
  equal(client.remoteSettings.enableConnectProtocol, true);
  const stream = client.request(
    {
      ...{ ":method": "CONNECT", ":protocol": "websocket", ":path": "/chat", ":scheme": "http" },
      ...{ ":authority": "app.example", "sec-websocket-version": "13", "sec-websocket-protocol": "chat" },
    },
    { endStream: false },
  );
  stream.on("error", () => undefined);
  const { promise, resolve } = Promise.withResolvers<number>();
  stream.on("response", (headers) => {
    equal(headers["sec-websocket-accept"], undefined);
    resolve(Number(headers[":status"]));
  });
  stream.on("close", () => resolve(0));
  const status = await promise;
  return { stream, status, close: () => client.close() };
}

async function throughHttp2(world: ProxyWorld): Promise<void> {
  const { stream, status, close } = await open(world);
  equal(status, 200);
  let got = "";
  stream.on("data", (bytes: Buffer) => {
    got += bytes.toString("latin1");
  });
  stream.write("hello");
  await until(() => got === "HELLO", "the echo");
  stream.write("x".repeat(300_000));
  await until(() => got.length === 300_005, "much more");
  stream.end();
  await once(stream, "close");
  equal(stream.rstCode, 0);
  close();
  await until(() => world.proxy.stats().inFlight === 0, "the end");
}

describe("a WebSocket", () => {
  test("from HTTP/1.1 to HTTP/2", async () => {
    await using world = await ProxyWorld.start();
    const seen = await http2Upstream(world, true);
    await throughHttp1(world);
    equal(seen.join(), "websocket,,13");
  });

  test("from HTTP/2 to HTTP/1.1", async () => {
    await using world = await ProxyWorld.start();
    await http1Upstream(world);
    await throughHttp2(world);
  });

  test("from HTTP/2 to HTTP/2", async () => {
    await using world = await ProxyWorld.start();
    await http2Upstream(world, true);
    await throughHttp2(world);
  });

  test("to an upstream that takes none over HTTP/2 is refused with the reason", async () => {
    await using world = await ProxyWorld.start();
    await http2Upstream(world, false);
    const client = await world.connect();
    client.write(UPGRADE);
    await until(() => client.text.includes("}\n"), "an answer");
    match(client.text, /^HTTP\/1\.1 502 [\s\S]*takes no WebSocket over HTTP\/2/);
    client.socket.destroy();
  });

  test("goes over HTTP/1.1 where the upstream speaks both, and takes none over HTTP/2", async () => {
    const { readFile } = await import("node:fs/promises");
    const folder = new URL("../../../../../fixtures/gateway/tls/", import.meta.url);
    const cert = await readFile(new URL("certificate.pem", folder), "utf8");
    const key = await readFile(new URL("key.pem", folder), "utf8");
    await using world = await ProxyWorld.start({}, { upstreamCa: [cert], resolve: async () => ["127.0.0.1"] });
    const server = createSecureServer({ cert, key, allowHTTP1: true });
    let upgrades = 0;
    server.on("upgrade", (request, socket) => {
      socket.on("error", () => undefined);
      upgrades++;
      const answer = accept(String(request.headers["sec-websocket-key"]));
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${answer}\r\n` +
          "Sec-WebSocket-Protocol: chat\r\n\r\n",
      );
      socket.on("data", (bytes: Buffer) => socket.write(bytes.toString("latin1").toUpperCase()));
      socket.on("end", () => socket.end());
    });
    const port = await world.listen((socket) => server.emit("connection", socket));
    world.routeTo([{ kind: "tcp", host: "upstream.example", port, tls: true, basePath: "" }]);
    for (let round = 0; round < 2; round++) {
      const client = await world.connect();
      client.write(UPGRADE);
      await until(() => client.text.endsWith("\r\n\r\n"), "the switch");
      client.write("hello");
      await until(() => client.text.endsWith("HELLO"), "the echo");
      client.socket.destroy();
    }
    equal(upgrades, 2);
  });

  test("an upstream that has not read the key is not believed", async () => {
    await using world = await ProxyWorld.start();
    await http1Upstream(world, () => "wrong");
    const { status, close } = await open(world);
    equal(status, 0);
    close();
  });

  test("a request that is none gets an ordinary answer", async () => {
    await using world = await ProxyWorld.start();
    await world.upstream(() => "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    const { status, close } = await open(world);
    equal(status, 426);
    close();
  });
});
