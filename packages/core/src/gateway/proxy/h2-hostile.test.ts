/** What hostile clients of HTTP/2 must never get through to an upstream; the corpus of frames has many more. */
import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { frame, PREFACE } from "../../testing/frame-corpus.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";
import { headersFrame } from "../http2/frames.ts";
import { encodeField } from "../http2/hpack-encoder.ts";

function head(method: string, ...fields: readonly (readonly [string, string])[]): string {
  const pseudo = [
    [":method", method],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "app.example"],
  ] as const;
  return [...pseudo, ...fields].map(([name, value]) => encodeField(name, value)).join("");
}

async function clientOf(world: ProxyWorld): Promise<RawHttp2> {
  const client = new RawHttp2(await world.connect());
  client.write(PREFACE + frame(4, 0, 0, ""));
  return client;
}

test("a request of two hosts reaches no upstream", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const client = await clientOf(world);
  client.write(headersFrame(1, head("GET", ["host", "other.example"]), true));
  await until(() => client.endedStreams.has(1), "an answer");
  equal(client.statuses.get(1), 400);
  equal(seen.length, 0);
  client.close();
});

test("a body that is longer than its head has said becomes no second request", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const client = await clientOf(world);
  const smuggled = "GET /admin HTTP/1.1\r\nHost: app.example\r\n\r\n";
  client.write(headersFrame(1, head("POST", ["content-length", "4"]), false) + frame(0, 1, 1, `abcd${smuggled}`));
  await until(() => client.resets.has(1) || client.endedStreams.has(1), "the end of the stream");
  equal(client.resets.get(1), 1);
  ok(seen.every(({ line }) => !line.includes("/admin")));
  client.close();
});

test("a client that opens streams to reset them is cut off", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => undefined);
  const client = await clientOf(world);
  for (let id = 1; id < 4000 && !client.hasEnded; id += 2) {
    client.write(headersFrame(id, head("GET"), true) + frame(3, 0, id, "\0\0\0\x08"));
    if (id % 100 === 1) await new Promise(setImmediate);
  }
  await until(() => client.hasEnded, "the end of the connection");
  equal(client.goAway, 11);
  client.close();
});
