/** Upstreams of HTTP/2 that answer before the end of a request: who sends the rest, and who resets what. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { frameHead, headersFrame, resetFrame, SETTINGS_ACK, settingsFrame } from "../http2/frames.ts";
import { encodeStatus } from "../http2/hpack-encoder.ts";
import { CANCEL, DATA, HEADERS, NO_ERROR, PREFACE, RST_STREAM } from "../http2/protocol.ts";

interface Seen {
  readonly resets: { readonly id: number; readonly code: number }[];
  dataBytes: number;
}

/** `onHead` is called with the number of each stream that begins. */
async function upstream(world: ProxyWorld, onHead: (socket: Socket, id: number) => void): Promise<Seen> {
  const seen: Seen = { resets: [], dataBytes: 0 };
  const port = await world.listen((socket) => {
    let bytes = Buffer.alloc(0);
    let isGreeted = false;
    socket.write(settingsFrame([]) + SETTINGS_ACK, "latin1");
    socket.on("data", (part: Buffer) => {
      bytes = Buffer.concat([bytes, part]);
      if (!isGreeted) bytes = bytes.subarray(PREFACE.length);
      isGreeted = true;
      for (;;) {
        const length = bytes.length < 9 ? 0 : bytes.readUIntBE(0, 3);
        if (bytes.length < 9 + length) return;
        const id = bytes.readUInt32BE(5);
        if (bytes[3] === HEADERS) onHead(socket, id);
        else if (bytes[3] === DATA) seen.dataBytes += length;
        else if (bytes[3] === RST_STREAM) seen.resets.push({ id, code: bytes.readUInt32BE(9) });
        bytes = bytes.subarray(9 + length);
        if (bytes.length < 9) return;
      }
    });
  });
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
  return seen;
}

const answer = (id: number) => `${headersFrame(id, encodeStatus(413), false)}${frameHead(2, DATA, 1, id)}no`;
const LENGTH = 50_000_000;
const POST = `POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: ${LENGTH}\r\n\r\n`;

async function refused(world: ProxyWorld): Promise<string> {
  const client = await world.connect();
  client.write(POST + "x".repeat(200_000));
  const text = await client.untilClosed();
  client.socket.destroy();
  return text;
}

test("one that says itself that it needs no more is not reset", async () => {
  await using world = await ProxyWorld.start();
  const seen = await upstream(world, (socket, id) => {
    socket.write(answer(id) + resetFrame(id, NO_ERROR), "latin1");
  });
  for (let round = 0; round < 5; round++) ok((await refused(world)).startsWith("HTTP/1.1 413 "));
  await until(() => world.proxy.stats().inFlight === 0, "all is over");
  deepEqual(seen.resets, []);
  equal(world.proxy.stats().upstreamConnections, 1, "its connection goes on");
});

test("one that does not say so is reset after a while, and gets no more of the body meanwhile", async () => {
  const http2 = { ...LIMITS.http2, earlyAnswerMs: 50 };
  await using world = await ProxyWorld.start({}, { http2 });
  const seen = await upstream(world, (socket, id) => void socket.write(answer(id), "latin1"));
  ok((await refused(world)).startsWith("HTTP/1.1 413 "));
  await until(() => seen.resets.length === 1, "the reset");
  deepEqual(seen.resets, [{ id: 1, code: CANCEL }]);
  ok(seen.dataBytes < 1_000_000, `${seen.dataBytes} bytes of the body`);
  ok((await refused(world)).startsWith("HTTP/1.1 413 "));
  equal(world.proxy.stats().upstreamConnections, 1);
});

test("one whose window keeps the rest of a request back, and that never resets, keeps no stream of it", async () => {
  const http2 = { ...LIMITS.http2, earlyAnswerMs: 50 };
  await using world = await ProxyWorld.start({}, { http2 });
  const seen = await upstream(world, (socket, id) => void socket.write(answer(id), "latin1"));
  // More than the window, by so little that the gateway reads all of it.
  const bytes = 70_000;
  const client = await world.connect();
  client.write(`POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`);
  await until(() => client.text.startsWith("HTTP/1.1 413 "), "the answer");
  await until(() => seen.resets.length === 1, "the reset");
  deepEqual(seen.resets, [{ id: 1, code: CANCEL }]);
  client.socket.destroy();
});
