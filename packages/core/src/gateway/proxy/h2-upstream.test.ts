/** Upstreams that speak HTTP/2: Node's own server, and scripted ones for what it would not do. */
import { equal, match, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createPlainServer, request as httpRequest, type IncomingMessage } from "node:http";
import {
  connect,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { frameHead, goAwayFrame, headersFrame, resetFrame, SETTINGS_ACK, settingsFrame } from "../http2/frames.ts";
import { encodeStatus } from "../http2/hpack-encoder.ts";

const REQUESTS = process.env["SKERRY_TEST_TIER"] === "full" ? 3000 : 150;

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** An upstream that is Node's own server, on a plain connection. */
async function h2Upstream(world: ProxyWorld, answer: Answer, settings = {}, greetsAfterMs = 0): Promise<Http2Server> {
  // Node counts what it has to send, too.
  const server = createServer({ settings, maxSessionMemory: 1000 });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  const greet = (socket: Socket) => server.emit("connection", socket);
  routeTo(world, await world.listen((socket) => setTimeout(greet, greetsAfterMs, socket)));
  return server;
}

function routeTo(world: ProxyWorld, port: number): void {
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "", protocol: "h2" }]);
}

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly trailers: IncomingMessage["trailers"];
  readonly body: Buffer;
}

/** A request of HTTP/1.1. */
async function ask(
  world: ProxyWorld,
  method: string,
  path: string,
  headers = {},
  body?: Buffer,
  slowly = false,
): Promise<Got> {
  const request = httpRequest({ port: world.port, method, path, headers: { host: "app.example", ...headers } });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of response) {
    parts.push(part as Buffer);
    if (slowly) await new Promise(setImmediate);
  }
  const { headers: got, trailers } = response;
  return { status: response.statusCode ?? 0, headers: got, trailers, body: Buffer.concat(parts) };
}

const hash = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");

test("many requests of HTTP/1.1 of any size share a connection to Node's server", async () => {
  await using world = await ProxyWorld.start();
  let sessions = 0;
  const server = await h2Upstream(world, (stream, headers) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => {
      const sizeBytes = Number(headers["x-size"]);
      const hasTrailers = headers["x-chunked"] === "yes";
      const length = hasTrailers ? {} : { "content-length": String(sizeBytes) };
      stream.respond(
        { ":status": 200, "x-hash": hash(Buffer.concat(parts)), ...length },
        { waitForTrailers: hasTrailers },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": String(sizeBytes) }));
      stream.end(Buffer.alloc(sizeBytes, sizeBytes & 255));
    });
  });
  server.on("session", () => sessions++);
  const random = createSimRandom(3);
  const sizes = [0, 1, 100, 8192, 8193, 16_385, 65_535, 70_000, 300_000, 1_000_000];
  const one = async (): Promise<void> => {
    const down = random.pick(sizes);
    const body = Buffer.alloc(random.pick(sizes), random.below(256));
    const isChunked = random.chance(0.5);
    const framing = isChunked ? { "transfer-encoding": "chunked" } : {};
    const headers = { "x-size": String(down), "x-chunked": isChunked ? "yes" : "no", ...framing };
    const got = await ask(world, "POST", "/", headers, body, random.chance(0.2));
    equal(got.status, 200);
    equal(got.headers["x-hash"], hash(body));
    equal(hash(got.body), hash(Buffer.alloc(down, down & 255)));
    equal(got.trailers["x-sum"], isChunked ? String(down) : undefined);
  };
  const pending = new Set<Promise<void>>();
  for (let n = 0; n < REQUESTS; n++) {
    const running = one().finally(() => pending.delete(running));
    pending.add(running);
    if (pending.size >= 24) await Promise.race(pending);
  }
  await Promise.all(pending);
  equal(sessions, 1);
});

describe("what is passed on", () => {
  test("method, path, host, headers, and who asks", async () => {
    await using world = await ProxyWorld.start();
    let seen: IncomingHttpHeaders = {};
    await h2Upstream(world, (stream, headers) => {
      seen = headers;
      stream.respond({ ":status": 404, "set-cookie": ["a=b", "c=d"] });
      stream.end("no");
    });
    const headers = { cookie: "a=b; c=d", connection: "keep-alive, x-hop", "x-hop": "1", te: "trailers" };
    const got = await ask(world, "DELETE", "/a?b=c", { ...headers, "X-Upper": "Value" });
    equal(got.status, 404);
    equal(got.headers["set-cookie"]?.join(), "a=b,c=d");
    equal(seen[":method"], "DELETE");
    equal(seen[":path"], "/a?b=c");
    equal(seen[":authority"], "app.example");
    equal(seen.cookie, "a=b; c=d");
    equal(seen["x-upper"], "Value");
    equal(seen["x-hop"], undefined);
    equal(seen["x-forwarded-for"], "127.0.0.1");
  });

  test("answers without a body", async () => {
    await using world = await ProxyWorld.start();
    await h2Upstream(world, (stream, headers) => {
      stream.respond({ ":status": Number(headers[":path"]?.slice(1)), "content-length": "5" }, { endStream: true });
    });
    equal((await ask(world, "HEAD", "/200")).headers["content-length"], "5");
    equal((await ask(world, "GET", "/304")).status, 304);
  });

  test("TLS, where the server chooses the protocol", async () => {
    const { readFile } = await import("node:fs/promises");
    const folder = new URL("../../../../../fixtures/gateway/tls/", import.meta.url);
    const cert = await readFile(new URL("certificate.pem", folder), "utf8");
    const key = await readFile(new URL("key.pem", folder), "utf8");
    await using world = await ProxyWorld.start({}, { upstreamCa: [cert], resolve: async () => ["127.0.0.1"] });
    const servers = [
      createSecureServer({ cert, key }, (request, response) => response.end(request.httpVersion)),
      createTlsServer({ cert, key }, (request, response) => response.end(request.httpVersion)),
    ];
    for (const [at, server] of servers.entries()) {
      const port = await world.listen((socket) => server.emit("connection", socket));
      world.routeTo([{ kind: "tcp", host: "upstream.example", port, tls: true, basePath: "" }]);
      equal((await ask(world, "GET", "/")).body.toString(), at === 0 ? "2.0" : "1.1");
    }
  });
});

describe("upstreams that fail", () => {
  test("one that speaks HTTP/1.1 only is named", async () => {
    await using world = await ProxyWorld.start();
    const server = createPlainServer((_request, response) => response.end());
    routeTo(world, await world.listen((socket) => server.emit("connection", socket)));
    const got = await ask(world, "GET", "/");
    equal(got.status, 502);
    match(got.body.toString(), /does not speak HTTP\/2/);
  });

  /** Answers the first request as `script` says, others with 200. */
  async function scripted(world: ProxyWorld, script: (socket: Socket, connection: number) => void): Promise<void> {
    let connections = 0;
    routeTo(
      world,
      await world.listen((socket) => {
        const number = ++connections;
        socket.once("data", () => {
          socket.write(settingsFrame([]) + SETTINGS_ACK, "latin1");
          let isFirst = true;
          socket.on("data", (bytes: Buffer) => {
            // The head of a request; our acknowledgement of its settings comes before.
            for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
              const id = bytes.readUInt32BE(at + 5);
              if (bytes[at + 3] !== 1) continue;
              if (isFirst && number === 1) script(socket, number);
              else socket.write(headersFrame(id, encodeStatus(200), true), "latin1");
              isFirst = false;
            }
          });
        });
      }),
    );
  }

  test("GOAWAY: what was not looked at is asked again elsewhere, whatever the method", async () => {
    await using world = await ProxyWorld.start();
    await scripted(world, (socket) => socket.write(goAwayFrame(0, 0, ""), "latin1"));
    equal((await ask(world, "POST", "/")).status, 200);
  });

  test("REFUSED_STREAM: likewise", async () => {
    await using world = await ProxyWorld.start();
    await scripted(world, (socket) => socket.write(resetFrame(1, 7), "latin1"));
    equal((await ask(world, "POST", "/")).status, 200);
  });

  test("a reset of what it has begun with is an error", async () => {
    await using world = await ProxyWorld.start();
    await scripted(world, (socket) => socket.write(resetFrame(1, 2), "latin1"));
    equal((await ask(world, "GET", "/")).status, 502);
    equal((await ask(world, "GET", "/")).status, 200);
  });

  for (const [name, bytes] of [
    ["a head without a status", headersFrame(1, "\x00\x01a\x01b", true)],
    ["101", headersFrame(1, encodeStatus(101), false)],
    ["DATA without a head", `${frameHead(2, 0, 1, 1)}no`],
    ["a body that is too short", `${headersFrame(1, `${encodeStatus(200)}\x0f\x0d\x015`, true)}`],
    ["PUSH_PROMISE", `${frameHead(5, 5, 4, 1)}\0\0\0\x02\x82`],
    ["a frame that is too large", frameHead(16_385, 0, 0, 1)],
    ["bytes that are no frames", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ] as const) {
    test(name, async () => {
      await using world = await ProxyWorld.start();
      await scripted(world, (socket) => socket.write(bytes, "latin1"));
      equal((await ask(world, "POST", "/")).status, 502);
      equal((await ask(world, "GET", "/")).status, 200);
    });
  }

  test("a connection that has died is not used again", async () => {
    await using world = await ProxyWorld.start({ upstreamHeadMs: 60, connectMs: 100 });
    await scripted(world, (socket) => socket.pause());
    equal((await ask(world, "GET", "/")).status, 504);
    let status = 0;
    for (let tries = 0; tries < 100 && status !== 200; tries++) status = (await ask(world, "GET", "/")).status;
    equal(status, 200);
  });

  test("its limit of streams is kept, and others wait", async () => {
    await using world = await ProxyWorld.start({ maxUpstreamConnections: 1 });
    let open = 0;
    let most = 0;
    const answer: Answer = (stream) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        stream.respond({ ":status": 200 });
        stream.end("ok");
      }, 5);
    };
    // All wait for the connection when it says how many streams it takes.
    await h2Upstream(world, answer, { maxConcurrentStreams: 3 }, 200);
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(world, "GET", "/")));
    ok(all.every(({ status }) => status === 200));
    equal(most, 3);
  });
});

test("a client that does not read holds no more than the window of its stream, and no one else", async () => {
  await using world = await ProxyWorld.start();
  let written = 0;
  await h2Upstream(world, (stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":path"] === "/ok") return void stream.end("ok");
    const more = (): void => {
      if (stream.destroyed || written > 100_000_000) return;
      written += 65_536;
      stream.write(Buffer.alloc(65_536), more);
    };
    more();
  });
  const client = await world.connect();
  client.socket.pause();
  client.write("GET /endless HTTP/1.1\r\nHost: app.example\r\n\r\n");
  await until(() => written > 1_000_000, "the beginning");
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  ok(written < 30_000_000, `${written} bytes were taken`);
  equal((await ask(world, "GET", "/ok")).body.toString(), "ok");
  client.socket.destroy();
  await until(() => world.proxy.stats().inFlight === 0, "the end");
});

test("what waits for one client is never another's, though all came over one connection", async () => {
  await using world = await ProxyWorld.start();
  const sizeBytes = 20_000_000;
  await h2Upstream(world, (stream, headers) => {
    stream.respond({ ":status": 200, "content-length": String(sizeBytes) });
    stream.end(Buffer.alloc(sizeBytes, headers[":path"]?.slice(1)));
  });
  const one = async (letter: string): Promise<void> => {
    const request = httpRequest({
      port: world.port,
      path: `/${letter}`,
      agent: false,
      headers: { host: "app.example" },
    });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    // More comes than the kernel keeps.
    await new Promise((resolve) => setTimeout(resolve, 300));
    let count = 0;
    for await (const part of response) {
      equal((part as Buffer).toString("latin1").replaceAll(letter, ""), "");
      count += (part as Buffer).length;
    }
    equal(count, sizeBytes);
  };
  await Promise.all([..."abc"].map(one));
});

test("HTTP/2 from end to end: streams both ways at once, and trailers", async () => {
  await using world = await ProxyWorld.start();
  await h2Upstream(world, (stream) => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("data", (part: Buffer) => stream.write(`<${part}>`));
    stream.on("end", () => stream.end());
  });
  const client = connect(`http://127.0.0.1:${world.port}`);
  const stream = client.request(
    { ":method": "POST", ":authority": "app.example", te: "trailers" },
    { endStream: false },
  );
  let got = "";
  let status: unknown;
  stream.on("data", (part: Buffer) => {
    got += part;
  });
  stream.on("trailers", (trailers) => {
    status = trailers["grpc-status"];
  });
  for (const word of ["one", "two", "three"]) {
    stream.write(word);
    await until(() => got.endsWith(`<${word}>`), `the echo of ${word}`);
  }
  stream.end();
  await once(stream, "close");
  equal(got, "<one><two><three>");
  equal(status, "0");
  client.close();
});
