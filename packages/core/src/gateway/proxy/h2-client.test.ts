/** Clients that speak HTTP/2: Node's own as the other side, and raw ones for what it would not do. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { frameHead, headersFrame, settingsFrame } from "../http2/frames.ts";
import { encodeField } from "../http2/hpack-encoder.ts";

const STREAMS = process.env["SKERRY_TEST_TIER"] === "full" ? 3000 : 150;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS = settingsFrame([]);

function head(method: string, ...fields: readonly (readonly [string, string])[]): string {
  const pseudo = [
    [":method", method],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "app.example"],
  ] as const;
  return [...pseudo, ...fields].map(([name, value]) => encodeField(name, value)).join("");
}

/** An upstream that is Node's own server. */
async function nodeUpstream(world: ProxyWorld, listener: RequestListener): Promise<void> {
  const server = createServer(listener);
  world.route(await world.listen((socket) => server.emit("connection", socket)));
}

async function session(world: ProxyWorld): Promise<ClientHttp2Session> {
  const one = connect(`http://127.0.0.1:${world.port}`);
  one.on("error", () => undefined);
  await once(one, "remoteSettings");
  return one;
}

function open(client: ClientHttp2Session, headers: Record<string, string>, ends = true): ClientHttp2Stream {
  const stream = client.request({ ":authority": "app.example", ...headers }, { endStream: ends });
  stream.on("error", () => undefined);
  return stream;
}

interface Got {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly trailers: Record<string, string>;
  readonly body: Buffer;
}

/** Rejects when the stream was reset. */
async function answerOf(stream: ClientHttp2Stream): Promise<Got> {
  const parts: Buffer[] = [];
  let headers: Record<string, string> = {};
  let trailers: Record<string, string> = {};
  stream.on("response", (all) => {
    headers = { ...all } as Record<string, string>;
  });
  stream.on("trailers", (all) => {
    trailers = { ...all } as Record<string, string>;
  });
  stream.on("data", (part: Buffer) => parts.push(part));
  await once(stream, "close");
  if (stream.rstCode !== 0) throw new Error(`reset with ${stream.rstCode}`);
  return { status: Number(headers[":status"]), headers, trailers, body: Buffer.concat(parts) };
}

const hash = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");

test(`${STREAMS} streams of any size, some of them given up, with Node as the client`, async () => {
  await using world = await ProxyWorld.start();
  await nodeUpstream(world, (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const sizeBytes = Number(request.headers["x-size"]);
      const isChunked = request.headers["x-chunked"] === "yes";
      response.setHeader("x-hash", hash(body));
      if (isChunked) response.setHeader("trailer", "x-sum");
      else response.setHeader("content-length", sizeBytes);
      for (let at = 0; at < sizeBytes; at += 50_000)
        response.write(Buffer.alloc(Math.min(50_000, sizeBytes - at), at & 255));
      if (isChunked) response.addTrailers({ "x-sum": String(sizeBytes) });
      response.end();
    });
  });
  const random = createSimRandom(7);
  const sizes = [0, 1, 100, 8192, 8193, 16_384, 16_385, 65_535, 70_000, 300_000, 1_000_000];
  const clients = [await session(world), await session(world), await session(world)];
  let whole = 0;
  const one = async (): Promise<void> => {
    const up = random.pick(sizes);
    const down = random.pick(sizes);
    const isChunked = random.chance(0.5);
    const body = Buffer.alloc(up, random.below(256));
    const headers = { ":method": "POST", "x-size": String(down), "x-chunked": isChunked ? "yes" : "no" };
    const stream = open(
      random.pick(clients),
      { ...headers, ...(random.chance(0.5) ? { "content-length": String(up) } : {}) },
      false,
    );
    if (random.chance(0.2)) {
      const atBytes = random.below(down + 1);
      let got = 0;
      stream.on("data", (part: Buffer) => {
        got += part.length;
        if (got >= atBytes) stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.write(body);
      if (atBytes === 0) stream.close(constants.NGHTTP2_CANCEL);
      else stream.end();
      if (!stream.closed) await once(stream, "close");
      return;
    }
    stream.end(body);
    const got = await answerOf(stream);
    equal(got.status, 200);
    equal(got.headers["x-hash"], hash(body));
    equal(got.body.length, down);
    for (let at = 0; at < down; at += 50_000) equal(got.body[at], at & 255);
    equal(got.trailers["x-sum"], isChunked ? String(down) : undefined);
    whole++;
  };
  const pending = new Set<Promise<void>>();
  for (let n = 0; n < STREAMS; n++) {
    const running = one().finally(() => pending.delete(running));
    pending.add(running);
    if (pending.size >= 24) await Promise.race(pending);
  }
  await Promise.all(pending);
  ok(whole > STREAMS / 2, `${whole}`);
  for (const client of clients) client.close();
  await until(() => world.proxy.stats().inFlight === 0, "the end of all exchanges");
});

describe("answers", () => {
  test("of all kinds of framing", async () => {
    await using world = await ProxyWorld.start();
    await nodeUpstream(world, (request, response) => {
      const status = Number(request.url?.slice(1));
      if (status === 103) response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.writeHead(status === 103 ? 200 : status, { "x-cookie": String(request.headers.cookie) });
      response.end([204, 304].includes(status) ? undefined : "hello");
    });
    const client = await session(world);
    const get = (path: string, method = "GET"): Promise<Got> =>
      answerOf(open(client, { ":path": path, ":method": method, cookie: "a=b; c=d" }));
    equal((await get("/200")).body.toString(), "hello");
    equal((await get("/200")).headers["x-cookie"], "a=b; c=d");
    match((await get("/200")).headers["x-request-id"] as string, /^[\w.-]+$/);
    equal((await get("/204")).status, 204);
    equal((await get("/304")).status, 304);
    equal((await get("/200", "HEAD")).body.length, 0);
    const hinted = open(client, { ":path": "/103" });
    const hints: unknown[] = [];
    hinted.on("headers", (headers) => hints.push(headers[":status"]));
    equal((await answerOf(hinted)).status, 200);
    deepEqual(hints, [103]);
    client.close();
  });

  test("of the gateway's own", async () => {
    await using world = await ProxyWorld.start();
    const client = await session(world);
    const got = await answerOf(open(client, { ":path": "/", ":authority": "nobody.example" }));
    equal(got.status, 404);
    equal(JSON.parse(got.body.toString()).status, 404);
    client.close();
  });

  test("one that breaks off does not look whole, and the others go on", async () => {
    await using world = await ProxyWorld.start();
    await nodeUpstream(world, (request, response) => {
      if (request.url === "/whole") return void response.end("whole");
      response.writeHead(200, { "content-length": "100000" });
      response.write("x".repeat(50_000), () => response.destroy());
    });
    const client = await session(world);
    const broken = answerOf(open(client, { ":path": "/broken" }));
    const whole = answerOf(open(client, { ":path": "/whole" }));
    await broken.then(
      () => ok(false, "it looks whole"),
      (error: Error) => match(error.message, /NGHTTP2_INTERNAL_ERROR/),
    );
    equal((await whole).body.toString(), "whole");
    client.close();
  });

  test("one that comes before the end of its request stops the client", async () => {
    await using world = await ProxyWorld.start();
    await nodeUpstream(world, (_request, response) => response.writeHead(413).end("no"));
    const client = new RawHttp2(await world.connect());
    client.write(PREFACE + SETTINGS + headersFrame(1, head("POST"), false) + frameHead(5, 0, 0, 1) + "hello");
    await until(() => client.resets.has(1), "RST_STREAM");
    equal(client.statuses.get(1), 413);
    ok(client.endedStreams.has(1));
    equal(client.resets.get(1), 0);
    client.close();
  });
});

describe("clients that are slow", () => {
  test("one that opens no window is given up, and holds no more than it may", async () => {
    await using world = await ProxyWorld.start({ clientReadIdleMs: 100 });
    await nodeUpstream(world, (_request, response) => response.end(Buffer.alloc(5_000_000)));
    const client = new RawHttp2(await world.connect());
    client.write(PREFACE + settingsFrame([[4, 100]]) + headersFrame(1, head("GET"), true));
    await until(() => client.resets.has(1), "RST_STREAM");
    equal(client.data.get(1)?.length, 100);
    equal(client.goAway, undefined);
    client.close();
  });

  test("one whose answer waits for its window after the upstream is done is given up too", async () => {
    await using world = await ProxyWorld.start({ clientReadIdleMs: 100 });
    await nodeUpstream(world, (_request, response) => response.end(Buffer.alloc(1000)));
    const client = new RawHttp2(await world.connect());
    client.write(PREFACE + settingsFrame([[4, 100]]) + headersFrame(1, head("GET"), true));
    await until(() => client.resets.has(1), "RST_STREAM");
    equal(client.data.get(1)?.length, 100);
    client.close();
  });

  test("an upload to an upstream that does not read stops at the window", async () => {
    await using world = await ProxyWorld.start();
    const sockets: Socket[] = [];
    world.route(await world.listen((socket) => sockets.push(socket.pause())));
    const client = await session(world);
    const stream = open(client, { ":method": "POST" }, false);
    let sent = 0;
    stream.on("drain", () => undefined);
    const chunk = Buffer.alloc(65_536);
    while (sent < 64 * 1024 * 1024 && !stream.destroyed) {
      sent += chunk.length;
      if (!stream.write(chunk)) {
        const drained = await Promise.race([
          once(stream, "drain").then(() => true),
          new Promise<boolean>((resolve) => setTimeout(resolve, 500, false)),
        ]);
        if (!drained) break;
      }
    }
    ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
    stream.close(constants.NGHTTP2_CANCEL);
    client.close();
    await until(() => world.proxy.stats().inFlight === 0, "the end");
  });

  test("more data than the window is an error", async () => {
    await using world = await ProxyWorld.start();
    world.route(await world.listen((socket) => socket.pause()));
    const client = new RawHttp2(await world.connect());
    client.write(PREFACE + SETTINGS + headersFrame(1, head("POST"), false));
    for (let n = 0; n < 4000 && !client.hasEnded; n++) {
      client.write(frameHead(16_384, 0, 0, 1) + "x".repeat(16_384));
      await new Promise(setImmediate);
    }
    await until(() => client.hasEnded || client.resets.has(1), "an error");
    equal(client.resets.get(1) ?? client.goAway, 3);
    client.close();
  });

  test("settings that are not confirmed, a preface and a header block without an end", async () => {
    const limits = { clientHeadMs: 50 };
    await using world = await ProxyWorld.start(limits, {
      http2: { ...ProxyWorld.http2, settingsMs: 100, blockMs: 50 },
    });
    const unsettled = new RawHttp2(await world.connect());
    unsettled.write(PREFACE + SETTINGS);
    await until(() => unsettled.hasEnded, "the end without an answer to the settings");
    equal(unsettled.goAway, constants.NGHTTP2_SETTINGS_TIMEOUT);
    const silent = new RawHttp2(await world.connect());
    silent.write(PREFACE.slice(0, 20));
    await until(() => silent.hasEnded, "the end without a preface");
    const endless = new RawHttp2(await world.connect());
    endless.write(`${PREFACE}${SETTINGS}${frameHead(0, 4, 1, 0)}${frameHead(1, 1, 0, 1)}\x82`);
    await until(() => endless.hasEnded, "the end without an end of the block");
    equal(endless.goAway, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    for (const one of [unsettled, silent, endless]) one.close();
  });
});

describe("a drain", () => {
  test("lets streams come to their end, those too that were on their way", async () => {
    await using world = await ProxyWorld.start();
    let finish = (): void => undefined;
    await nodeUpstream(world, (_request, response) => {
      finish = () => void response.end("late");
    });
    const client = new RawHttp2(await world.connect());
    client.write(PREFACE + SETTINGS + frameHead(0, 4, 1, 0) + headersFrame(1, head("GET"), true));
    await until(() => world.proxy.stats().inFlight === 1, "the request");
    const drained = world.proxy.drain(new AbortController().signal);
    await until(() => client.goAways.length === 1, "the first GOAWAY");
    deepEqual(client.goAways[0], { code: 0, lastId: 0x7fff_ffff });
    const first = finish;
    client.write(headersFrame(3, head("GET"), true));
    await until(() => world.proxy.stats().inFlight === 2, "a request that was on its way");
    client.write(frameHead(8, 6, 1, 0) + (client.pings[0] ?? ""));
    await until(() => client.goAways.length === 2, "the last GOAWAY");
    deepEqual(client.goAways[1], { code: 0, lastId: 3 });
    first();
    finish();
    await until(() => client.hasEnded, "the end");
    client.close();
    await drained;
    deepEqual([client.data.get(1), client.data.get(3)], ["late", "late"]);
  });

  test("does not wait for a client that does not answer the PING", async () => {
    await using world = await ProxyWorld.start({}, { http2: { ...ProxyWorld.http2, goAwayMs: 50 } });
    const client = new RawHttp2(await world.connect());
    client.write(PREFACE + SETTINGS + frameHead(0, 4, 1, 0));
    await until(() => client.settingsAcks === 1, "the connection");
    const drained = world.proxy.drain(new AbortController().signal);
    await until(() => client.hasEnded, "the end");
    equal(client.goAways.length, 2);
    client.close();
    await drained;
  });
});

test("a client that gives up a stream gives up its upstream, and keeps its connection", async () => {
  await using world = await ProxyWorld.start();
  let closed = 0;
  await nodeUpstream(world, (request, response) => {
    if (request.url === "/ok") response.end("ok");
    else request.socket.once("close", () => closed++);
  });
  const client = await session(world);
  const stream = open(client, { ":path": "/hang" });
  await until(() => world.proxy.stats().inFlight === 1, "the request");
  stream.close(constants.NGHTTP2_CANCEL);
  await until(() => closed === 1, "the end of the upstream's connection");
  equal((await answerOf(open(client, { ":path": "/ok" }))).body.toString(), "ok");
  equal(world.records[0]?.error, "aborted");
  client.close();
});
