/** WebSockets when the gateway stops: both sides hear it, by a frame of its own between two of theirs. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:http2";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { ProxyWorld, type RawClient, until } from "../../testing/proxy-world.ts";
import { FrameEnds } from "./websocket-frames.ts";
import { acceptFor } from "./websocket-key.ts";

const UPGRADE =
  "GET /chat HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const GOODBYE = "\x88\x02\x03\xe9";

/** A frame with text of this length; masked with zeros. */
function frame(text: string, masked: boolean): string {
  const { length } = text;
  const bit = masked ? 0x80 : 0;
  const size =
    length < 126 ? String.fromCharCode(bit | length) : `${String.fromCharCode(bit | 126, length >> 8, length & 255)}`;
  return `\x81${size}${masked ? "\0\0\0\0" : ""}${text}`;
}

interface Tunnel {
  readonly client: RawClient;
  readonly upstream: Socket;
  readonly got: { text: string; hasEnded: boolean };
}

async function open(world: ProxyWorld): Promise<Tunnel> {
  let upstream: Socket | undefined;
  const got = { text: "", hasEnded: false };
  world.route(
    await world.listen((socket) => {
      upstream = socket;
      socket.once("data", () => {
        socket.on("data", (bytes: Buffer) => {
          got.text += bytes.toString("latin1");
        });
        socket.once("end", () => {
          got.hasEnded = true;
        });
        socket.write(SWITCH);
      });
    }),
  );
  const client = await world.connect();
  client.write(UPGRADE);
  await until(() => client.text.endsWith("\r\n\r\n"), "the switch");
  client.text = "";
  return { client, upstream: upstream as Socket, got };
}

/** What stands at the end of what the server got: the mask is random. */
function unmasked(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  const payload = bytes.subarray(6).map((byte, i) => byte ^ (bytes[2 + i] as number));
  return bytes.toString("latin1", 0, 2) + Buffer.from(payload).toString("latin1");
}

test("both hear it at once when no frame is under way", async () => {
  await using world = await ProxyWorld.start();
  const { client, upstream, got } = await open(world);
  client.write(frame("hello", true));
  upstream.write(frame("welcome", false), "latin1");
  await until(() => got.text.length === 11 && client.text.length === 9, "both frames");
  const drained = world.proxy.drain(new AbortController().signal);
  await until(() => client.hasEnded && got.hasEnded, "both are told");
  equal(client.text, frame("welcome", false) + GOODBYE);
  equal(unmasked(got.text.slice(11)), "\x88\x82\x03\xe9");
  client.write("\x88\x82\0\0\0\0\x03\xe9");
  client.socket.end();
  upstream.end(GOODBYE, "latin1");
  await drained;
  deepEqual([world.records[0]?.status, world.records[0]?.error], [101, undefined]);
});

test("a frame that is under way comes to its end first, and nothing after it", async () => {
  await using world = await ProxyWorld.start();
  const { client, upstream, got } = await open(world);
  const up = frame("u".repeat(300), true);
  const down = frame("d".repeat(300), false);
  client.write(up.slice(0, 3));
  upstream.write(down.slice(0, 100), "latin1");
  await until(() => got.text.length === 3 && client.text.length === 100, "the beginnings");
  const drained = world.proxy.drain(new AbortController().signal);
  client.write(up.slice(3) + frame("too late", true));
  upstream.write(down.slice(100) + frame("too late", false), "latin1");
  await until(() => client.hasEnded && got.hasEnded, "both are told");
  equal(client.text, down + GOODBYE);
  equal(got.text.slice(0, up.length), up);
  equal(unmasked(got.text.slice(up.length)), "\x88\x82\x03\xe9");
  client.socket.end();
  upstream.end();
  await drained;
});

test("who does not come to the end of a frame, or does not answer, is cut in time", async () => {
  await using world = await ProxyWorld.start({ lingerMs: 50 });
  const { client, got } = await open(world);
  client.write("\x81\xfe");
  await until(() => got.text.length === 2, "the beginning");
  await world.proxy.drain(new AbortController().signal);
  await until(() => client.isClosed || client.hasEnded, "the client's end");
  equal(client.text, GOODBYE);
  equal(got.text, "\x81\xfe");
});

test("a side that has said goodbye itself is not told again", async () => {
  await using world = await ProxyWorld.start();
  const { client, upstream, got } = await open(world);
  upstream.write(GOODBYE, "latin1");
  await until(() => client.text === GOODBYE, "the server's own");
  const drained = world.proxy.drain(new AbortController().signal);
  await until(() => client.hasEnded && got.hasEnded, "both are told");
  equal(client.text, GOODBYE);
  client.socket.end();
  upstream.end();
  await drained;
});

test("a switch that comes while the gateway stops is one with an end", async () => {
  await using world = await ProxyWorld.start();
  let upstream: Socket | undefined;
  world.route(await world.listen((socket) => void socket.once("data", () => (upstream = socket))));
  const client = await world.connect();
  client.write(UPGRADE);
  await until(() => upstream !== undefined, "the request");
  const drained = world.proxy.drain(new AbortController().signal);
  upstream?.end(SWITCH);
  await until(() => client.hasEnded, "the end");
  match(client.text, /^HTTP\/1\.1 101 /);
  ok(client.text.endsWith(GOODBYE));
  client.socket.end();
  await drained;
});

test("over HTTP/2 as well, with GOAWAY for the connection", async () => {
  await using world = await ProxyWorld.start();
  let got = "";
  world.route(
    await world.listen((socket) => {
      socket.once("data", (head: Buffer) => {
        const key = /sec-websocket-key: *(\S+)/i.exec(head.toString("latin1"))?.[1] ?? "";
        socket.on("data", (bytes: Buffer) => {
          got += bytes.toString("latin1");
        });
        socket.once("end", () => socket.end());
        socket.write(SWITCH.replace("\r\n\r\n", `\r\nSec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`));
      });
    }),
  );
  const session = connect(`http://127.0.0.1:${world.port}`);
  await once(session, "remoteSettings");
  const goodbye = once(session, "goaway");
  const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":authority": "app.example" });
  const [answer] = await once(stream, "response");
  equal(answer[":status"], 200);
  const drained = world.proxy.drain(AbortSignal.timeout(20_000));
  const [code] = await goodbye;
  equal(code, 0);
  equal((await stream.setEncoding("latin1").toArray()).join(""), GOODBYE);
  await until(() => got.length === 8, "the server's side");
  equal(unmasked(got), "\x88\x82\x03\xe9");
  stream.end();
  await drained;
});

test("real ones on both sides close with 1001", async () => {
  await using world = await ProxyWorld.start();
  const sockets = new WebSocketServer({ noServer: true });
  const codes: number[] = [];
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(data));
    socket.on("close", (code) => codes.push(code));
  });
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (one) => sockets.emit("connection", one, request));
  });
  world.route(await world.listen((socket) => server.emit("connection", socket)));
  const clients = await Promise.all(
    [1, 2, 3].map(async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: "app.example" } });
      await once(socket, "open");
      socket.send("x".repeat(100_000));
      await once(socket, "message");
      return socket;
    }),
  );
  const closed = Promise.all(clients.map((socket) => once(socket, "close")));
  await world.proxy.drain(AbortSignal.timeout(20_000));
  deepEqual(
    (await closed).map(([code]) => code),
    [1001, 1001, 1001],
  );
  await until(() => codes.length === 3, "the servers' side");
  deepEqual(codes, [1001, 1001, 1001]);
  deepEqual(
    world.records.map(({ error }) => error),
    [undefined, undefined, undefined],
  );
});

describe("ends of frames", () => {
  const frames = [frame("", false), frame("abc", true), frame("x".repeat(200), false), frame("y".repeat(60_000), true)];
  const ends = frames.map((_, i) => frames.slice(0, i + 1).join("").length);
  const all = Buffer.from(frames.join(""), "latin1");

  test("are found however the bytes come", () => {
    for (const size of [1, 2, 3, 7, 100, 4096, all.length]) {
      const found: number[] = [];
      const tracker = new FrameEnds();
      for (let from = 0; from < all.length; from += size) {
        for (let at = from, to = Math.min(all.length, from + size); at < to; ) {
          at = tracker.pass(all, at, to, true);
          if (tracker.isAtEnd) found.push(at);
        }
      }
      deepEqual(found, ends, `in pieces of ${size}`);
      const whole = new FrameEnds();
      for (let from = 0; from < all.length; from += size)
        whole.pass(all, from, Math.min(all.length, from + size), false);
      ok(whole.isAtEnd && !whole.hasClosed);
    }
  });

  test("also of one that is longer than any", () => {
    const tracker = new FrameEnds();
    const head = Buffer.from([0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2]);
    equal(tracker.pass(head, 0, head.length, true), head.length);
    equal(tracker.isAtEnd, false);
  });
});
