/** Connections of which one side has ended, or ends at a bad moment: uploads refused half way, tunnels, drains. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { type AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { createServer } from "node:tls";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { RawHttp2 } from "../../testing/raw-http2.ts";
import { headersFrame, settingsFrame } from "../http2/frames.ts";
import { encodeField } from "../http2/hpack-encoder.ts";
import { PREFACE } from "../http2/protocol.ts";

const HOST = "Host: app.example\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const REFUSED = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno";
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const PSEUDO = [":method", ":scheme", ":path", ":authority"];
const UPGRADE = `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

test("an upstream that refuses an upload and resets is still heard", async () => {
  await using world = await ProxyWorld.start();
  world.route(
    await world.listen((socket) => {
      socket.once("readable", () => {
        // What it has not read makes the end of its connection a reset.
        socket.write(REFUSED, () => socket.resetAndDestroy());
      });
    }),
  );
  const part = "x".repeat(64 * 1024);
  for (let round = 0; round < 40; round++) {
    const client = await world.connect();
    client.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${1000 * part.length}\r\n\r\n`);
    const send = (): void => {
      while (!client.isClosed && client.text === "" && client.socket.write(part));
    };
    client.socket.on("drain", send);
    send();
    await until(() => client.text.endsWith("no") || client.text.endsWith("}\n") || client.isClosed, "an answer");
    match(client.text, /^HTTP\/1\.1 413 /, `round ${round}`);
    client.socket.destroy();
  }
});

test("an answer that ends with its connection is not whole when a write was reset meanwhile", async () => {
  await using world = await ProxyWorld.start();
  world.route(
    await world.listen((socket) => {
      socket.once("readable", () => {
        socket.write("HTTP/1.1 413 Too Large\r\n\r\npart", () => socket.resetAndDestroy());
      });
    }),
  );
  for (let round = 0; round < 10; round++) {
    const client = await world.connect();
    client.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 100000000\r\n\r\n${"x".repeat(1_000_000)}`);
    await until(() => client.isClosed || client.hasEnded, "the end");
    ok(!client.hasEnded || client.text.startsWith("HTTP/1.1 502"), client.text);
    client.socket.destroy();
  }
});

/** Calls of Node's own writes while `run` runs. */
async function writesDuring(run: () => Promise<void>): Promise<number> {
  const { _write, _writev } = Socket.prototype;
  let count = 0;
  Socket.prototype._write = function (...args) {
    count++;
    _write.apply(this, args);
  };
  Socket.prototype._writev = function (...args) {
    count++;
    _writev?.apply(this, args);
  };
  try {
    await run();
  } finally {
    Object.assign(Socket.prototype, { _write, _writev });
  }
  return count;
}

test("a body in tiny pieces costs few writes, both ways", async () => {
  await using world = await ProxyWorld.start();
  const pieces = 20_000;
  const seen = await world.upstream(
    () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(pieces)}0\r\n\r\n`,
  );
  const writes = await writesDuring(async () => {
    const body = `${"1;a\r\nx\r\n".repeat(pieces)}0\r\n\r\n`;
    const head = `POST / HTTP/1.1\r\n${HOST}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const answer = await world.exchange(head + body);
    ok(answer.endsWith("0\r\n\r\n"));
    const old = await world.exchange(`GET / HTTP/1.0\r\n${HOST}\r\n`);
    equal(old.slice(old.indexOf("\r\n\r\n") + 4), "x".repeat(pieces));
  });
  equal(seen[0]?.body, "x".repeat(pieces));
  ok(writes < 200, `${writes} writes`);
});

/** What the log has of clients that were gone. */
const GONE = { status: 0, error: "aborted" };

function told(world: ProxyWorld): readonly { readonly status: number; readonly error: string | undefined }[] {
  return world.records.map(({ status, error }) => ({ status, error }));
}

test("a client that has closed its side holds an upstream for a moment only, and counts as gone", async () => {
  await using world = await ProxyWorld.start({ halfClosedMs: 50 });
  const seen = await world.upstream(() => undefined);
  const early = await world.connect();
  early.socket.end(GET);
  await early.untilClosed();
  equal(early.text, "");
  const late = await world.connect();
  late.write(GET);
  await until(() => seen.length === 2, "the upstream has the request");
  late.socket.end();
  await late.untilClosed();
  equal(late.text, "");
  await until(() => world.proxy.stats().upstreamConnections === 0, "the upstream is free");
  deepEqual(told(world), [GONE, GONE]);
});

test("so does one that closes its side over HTTP/2, or while it waits for a connection", async () => {
  await using world = await ProxyWorld.start({ halfClosedMs: 50, maxUpstreamConnections: 1 });
  const seen = await world.upstream(() => undefined);
  const holder = await world.connect();
  holder.write(GET);
  await until(() => seen.length === 1, "the only connection is used");
  const waiting = await world.connect();
  waiting.socket.end(GET);
  await until(() => world.records.length === 1, "the one that waits");
  await until(() => waiting.isClosed || waiting.hasEnded, "its connection");
  holder.socket.destroy();
  await until(() => world.records.length === 2, "the holder");
  const raw = await world.connect();
  const client = new RawHttp2(raw);
  const block = ["GET", "http", "/", "app.example"].map((value, i) => encodeField(PSEUDO[i] as string, value)).join("");
  client.write(PREFACE + settingsFrame([]) + headersFrame(1, block, true));
  await until(() => seen.length === 2, "the upstream has the request");
  raw.socket.end();
  await until(() => world.records.length === 3, "the stream");
  deepEqual(told(world), [GONE, GONE, GONE]);
  equal(client.statuses.size, 0);
});

test("a client of HTTP/2 that has closed its side, and would have to open a window, holds nothing", async () => {
  await using world = await ProxyWorld.start();
  const length = 1_000_000;
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
  await world.upstream(() => head + "x".repeat(length));
  const raw = await world.connect();
  const client = new RawHttp2(raw);
  const block = ["GET", "http", "/", "app.example"].map((value, i) => encodeField(PSEUDO[i] as string, value)).join("");
  client.write(PREFACE + settingsFrame([]) + headersFrame(1, block, true));
  await until(() => (client.data.get(1)?.length ?? 0) === 65_535, "all that the window takes");
  raw.socket.end();
  // Long before a reader is too slow.
  await until(() => world.records.length === 1 && world.proxy.stats().upstreamConnections === 0, "it is given up");
  deepEqual(told(world), [{ status: 200, error: "aborted" }]);
});

test("a client of HTTP/2 over TLS that goes away after its answer is gone at once", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => OK);
  const file = (name: string) => readFileSync(new URL(`../../../../../fixtures/gateway/tls/${name}`, import.meta.url));
  const shown = { cert: file("certificate.pem"), key: file("key.pem"), ALPNProtocols: ["h2"], allowHalfOpen: true };
  const server = createServer(shown, (socket) => world.proxy.accept(socket, true)).listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    for (let round = 0; round < 3; round++) {
      const client = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
      const stream = client.request({ ":authority": "app.example" });
      equal((await stream.setEncoding("utf8").toArray()).join(""), "ok");
      client.close();
      await once(client, "close");
    }
    // Long before one that is idle is closed.
    await until(() => world.proxy.stats().connections === 0, "no connection is left");
  } finally {
    server.close();
  }
});

test("a client that has closed its side gets an answer that comes in time", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream((_, socket) => void setTimeout(() => socket.write(OK), 100));
  const client = await world.connect();
  client.socket.end(GET);
  match(await client.untilClosed(), /^HTTP\/1\.1 200 [\s\S]*ok$/);
});

test("a tunnel goes on one way after the other has ended, and not for ever", async () => {
  await using world = await ProxyWorld.start({ halfClosedMs: 200 });
  let upstream: Socket | undefined;
  let got = "";
  world.route(
    await world.listen((socket) => {
      upstream = socket;
      socket.once("data", () => {
        socket.on("data", (bytes) => {
          got += bytes.toString();
        });
        socket.write(SWITCH);
      });
    }),
  );
  const client = await world.connect();
  client.write(UPGRADE);
  await until(() => client.text.startsWith("HTTP/1.1 101"), "the tunnel");
  const answer = "y".repeat(8_000_000);
  client.socket.pause();
  upstream?.end(answer);
  client.write("before");
  client.socket.resume();
  await until(() => client.hasEnded, "all of the upstream's bytes, and its end");
  equal(client.text.length - client.text.indexOf("\r\n\r\n") - 4, answer.length);
  client.write(" and after");
  await until(() => got === "before and after", "the other way is open");
  await until(() => client.isClosed || world.proxy.stats().connections === 0, "it is given up");
  await until(() => world.proxy.stats().upstreamConnections === 0, "at both ends");
});

test("a drain ends a connection whose answer began before", async () => {
  await using world = await ProxyWorld.start();
  let finish = (): void => undefined;
  await world.upstream((_, socket) => {
    finish = () => void socket.write("k");
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no";
  });
  const client = await world.connect();
  client.write(GET);
  await until(() => client.text.endsWith("o"), "the answer has begun");
  const drained = world.proxy.drain(new AbortController().signal);
  finish();
  await until(() => client.hasEnded, "the end of the answer and of the connection");
  match(client.text, /ok$/);
  client.socket.destroy();
  await drained;
});

test("a connection that was busy for longer than an idle one is kept is used again", async () => {
  let nowMs = 1000;
  await using world = await ProxyWorld.start({ upstreamIdleMs: 150 }, { monotonicMs: () => nowMs });
  const sockets = new Set<Socket>();
  let isBusy = false;
  await world.upstream((_, socket) => {
    sockets.add(socket);
    if (!isBusy) return OK;
    nowMs += 400;
    // The proxy looks at the time meanwhile.
    setTimeout(() => socket.write(OK), 50);
    return undefined;
  });
  const client = await world.connect();
  const ask = async (count: number): Promise<void> => {
    client.write(GET);
    await until(() => client.text.split("ok").length === count + 1, `answer ${count}`);
  };
  await ask(1);
  isBusy = true;
  await ask(2);
  isBusy = false;
  await ask(3);
  equal(sockets.size, 1);
});
