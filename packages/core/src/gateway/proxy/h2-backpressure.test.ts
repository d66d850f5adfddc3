/** Streams of HTTP/2 whose windows are never the reason why they wait. */
import { equal } from "node:assert/strict";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

test("an answer in small chunks goes on though the client opens no window meanwhile", async () => {
  await using world = await ProxyWorld.start();
  const chunk = `1000\r\n${"x".repeat(4096)}\r\n`;
  const chunks = 256;
  await world.upstream(() => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(chunks)}0\r\n\r\n`);
  const session = connect(`http://127.0.0.1:${world.port}`, { settings: { initialWindowSize: 2 ** 30 } });
  session.once("connect", () => session.setLocalWindowSize(2 ** 30));
  const stream = session.request({ ":path": "/", ":authority": "app.example" });
  let bytes = 0;
  stream.on("data", (data: Buffer) => {
    bytes += data.length;
  });
  const isWhole = await new Promise<boolean>((resolve) => {
    stream.once("end", () => resolve(true));
    setTimeout(() => resolve(false), 5000).unref();
  });
  session.destroy();
  equal(bytes, chunks * 4096);
  equal(isWhole, true);
});

test("a request in small chunks goes on to an upstream that opens no window meanwhile", async () => {
  await using world = await ProxyWorld.start();
  const server = createServer({ settings: { initialWindowSize: 2 ** 30 } });
  server.on("session", (session) => session.setLocalWindowSize(2 ** 30));
  let bytes = 0;
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("data", (data: Buffer) => {
      bytes += data.length;
    });
    stream.on("end", () => {
      stream.respond({ ":status": 200 });
      stream.end();
    });
  });
  const port = await world.listen((socket) => server.emit("connection", socket));
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
  const client = await world.connect();
  client.write("PUT / HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.write(`${`1000\r\n${"x".repeat(4096)}\r\n`.repeat(256)}0\r\n\r\n`);
  await until(() => client.text.startsWith("HTTP/1.1 200"), "an answer");
  equal(bytes, 256 * 4096);
});
