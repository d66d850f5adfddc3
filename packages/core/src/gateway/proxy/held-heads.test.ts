/** Answers that break behind their head: while nothing of them has gone to the client, it hears why instead of a cut. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { ProxyWorld, type RawClient, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";
import { headersFrame, resetFrame, SETTINGS_ACK, settingsFrame } from "../http2/frames.ts";
import { encodeField } from "../http2/hpack-encoder.ts";
import { HEADERS, PREFACE } from "../http2/protocol.ts";

const GET = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";
const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
const CHUNKS = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const FIELDS = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "app.example"],
] as const;

/** What an upstream does when it has the request. */
type Breaks = (socket: Socket) => void;

const HTTP1_BREAKS: Readonly<Record<string, Breaks>> = {
  "its end": (socket) => void socket.end(LENGTH),
  "a reset": (socket) => void socket.write(LENGTH, () => socket.resetAndDestroy()),
  "a chunk that is none": (socket) => void socket.write(`${CHUNKS}zz\r\n`),
};

async function breakingUpstream(world: ProxyWorld, breaks: Breaks): Promise<void> {
  const port = await world.listen((socket) => void socket.once("data", () => breaks(socket)));
  world.route(port);
}

/** Speaks HTTP/2: the head, and at once the end of the stream with an error. */
async function resettingUpstream(world: ProxyWorld): Promise<void> {
  const port = await world.listen((socket) => {
    let bytes = "";
    let at = PREFACE.length;
    socket.write(settingsFrame([]) + SETTINGS_ACK, "latin1");
    socket.on("data", (part: Buffer) => {
      bytes += part.toString("latin1");
      for (; bytes.length >= at + 9; at += 9 + Buffer.from(bytes.slice(at, at + 3), "latin1").readUIntBE(0, 3)) {
        if (bytes.charCodeAt(at + 3) !== HEADERS) continue;
        const block = encodeField(":status", "200") + encodeField("content-length", "100");
        socket.write(headersFrame(1, block, false) + resetFrame(1, 2), "latin1");
      }
    });
  });
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
}

async function viaHttp1(world: ProxyWorld): Promise<RawClient> {
  const client = await world.connect();
  client.write(GET);
  await until(() => client.text.endsWith("}\n") || client.isClosed, "an answer");
  return client;
}

async function viaHttp2(world: ProxyWorld): Promise<RawHttp2> {
  const client = new RawHttp2(await world.connect());
  const block = FIELDS.map(([name, value]) => encodeField(name, value)).join("");
  client.write(PREFACE + settingsFrame([]) + headersFrame(1, block, true));
  await until(() => client.endedStreams.has(1) || client.resets.has(1) || client.hasEnded, "an answer");
  return client;
}

function isToldWhy(world: ProxyWorld): void {
  deepEqual(
    world.records.map(({ status, error }) => ({ status, error })),
    [{ status: 502, error: "unavailable/upstream" }],
  );
}

describe("an answer of which only the head came is 502", () => {
  for (const [name, breaks] of Object.entries(HTTP1_BREAKS)) {
    test(`${name} behind the head of HTTP/1.1, to HTTP/1.1`, async () => {
      await using world = await ProxyWorld.start();
      await breakingUpstream(world, breaks);
      const { text } = await viaHttp1(world);
      match(text, /^HTTP\/1\.1 502 /);
      equal(text.split(/^HTTP\/1\.1 /m).length, 2, "one answer");
      match(text, /"reason":"upstream"/);
      isToldWhy(world);
    });

    test(`${name} behind the head of HTTP/1.1, to HTTP/2`, async () => {
      await using world = await ProxyWorld.start();
      await breakingUpstream(world, breaks);
      const client = await viaHttp2(world);
      deepEqual([client.statuses.get(1), client.resets.size], [502, 0]);
      match(client.data.get(1) ?? "", /"reason":"upstream"/);
      isToldWhy(world);
    });
  }

  test("a reset behind the head of HTTP/2, to HTTP/1.1", async () => {
    await using world = await ProxyWorld.start();
    await resettingUpstream(world);
    match((await viaHttp1(world)).text, /^HTTP\/1\.1 502 /);
    isToldWhy(world);
  });

  test("a reset behind the head of HTTP/2, to HTTP/2", async () => {
    await using world = await ProxyWorld.start();
    await resettingUpstream(world);
    const client = await viaHttp2(world);
    deepEqual([client.statuses.get(1), client.resets.size], [502, 0]);
    isToldWhy(world);
  });
});

test("the client's connection goes on after such an answer", async () => {
  await using world = await ProxyWorld.start();
  let asked = 0;
  const port = await world.listen((socket) => {
    socket.on("data", () => void (++asked === 1 ? socket.end(LENGTH) : socket.write(`${LENGTH}${"x".repeat(100)}`)));
  });
  world.route(port);
  const client = await viaHttp1(world);
  client.write(GET);
  await until(() => client.text.endsWith("xxx"), "the next answer");
  equal(client.isClosed, false);
});

test("a head without a body is not held back: it is there before the body comes", async () => {
  await using world = await ProxyWorld.start();
  const sockets: Socket[] = [];
  await world.upstream((_, socket) => {
    sockets.push(socket);
    return LENGTH;
  });
  const first = await world.connect();
  first.write(GET);
  const second = new RawHttp2(await world.connect());
  second.write(PREFACE + settingsFrame([]));
  second.write(headersFrame(1, FIELDS.map(([name, value]) => encodeField(name, value)).join(""), true));
  await until(() => first.text.startsWith("HTTP/1.1 200") && second.statuses.get(1) === 200, "both heads");
  // From now on it is too late for another answer.
  for (const socket of sockets) socket.resetAndDestroy();
  await until(() => first.isClosed && second.resets.has(1), "both are cut");
  ok(!first.text.includes("502"));
});

test("an answer of nothing but a head is whole", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n');
  const client = await world.connect();
  client.write(GET + GET);
  await until(() => client.text.split("HTTP/1.1 304").length === 3, "both answers");
});
