/** Every phase of a request has an end in time, and a drain has one too. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { realClock } from "../../platform/clock.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { Deadlines } from "./deadlines.ts";

const HOST = "Host: app.example\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

test("a deadline expires once, and not when it was deleted", () => {
  const deadlines = new Deadlines();
  const expired: string[] = [];
  deadlines.add(10, () => expired.push("a"));
  const deleted = deadlines.add(10, () => expired.push("b"));
  deadlines.add(20, () => expired.push("c"));
  deadlines.delete(deleted);
  deadlines.sweep(9);
  deepEqual(expired, []);
  deadlines.sweep(10);
  deadlines.sweep(10);
  deepEqual(expired, ["a"]);
});

test("nobody looks while nothing happens, and what is due then comes in time", async () => {
  let looks = 0;
  const monotonicMs = (): number => {
    looks++;
    return realClock.monotonicMs();
  };
  const limits = { sweepEveryMs: 2, upstreamIdleMs: 10, keepAliveMs: 1500 };
  await using world = await ProxyWorld.start(limits, { monotonicMs });
  await world.upstream(() => OK);
  const client = await world.connect();
  client.write(GET);
  await until(() => client.text.endsWith("ok"), "an answer");
  await until(() => world.proxy.stats().upstreamConnections === 0, "the upstream's connection ends");
  await realClock.sleep(100);
  const before = looks;
  await realClock.sleep(300);
  ok(looks - before < 10, `${looks - before} looks with a client that stands still`);
  await until(() => client.hasEnded, "it is closed for being idle");
  await realClock.sleep(100);
  const alone = looks;
  await realClock.sleep(300);
  equal(looks, alone);
  match(await world.exchange(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`), /ok$/);
});

test("a client that says nothing, and one that says it slowly, are closed", async () => {
  await using world = await ProxyWorld.start({ clientHeadMs: 100 });
  await world.upstream(() => OK);
  const silent = await world.connect();
  const slow = await world.connect();
  const drip = setInterval(() => slow.write("X"), 10);
  slow.write("GET / HTTP/1.1\r\nX-Slow: ");
  equal(await silent.untilClosed(), "");
  match(await slow.untilClosed(), /^HTTP\/1\.1 408 [\s\S]*"reason":"timeout"/);
  clearInterval(drip);
  deepEqual(
    world.records.map(({ status, error }) => ({ status, error })),
    [{ status: 408, error: "invalid/timeout" }],
  );
});

test("an idle connection is closed", async () => {
  await using world = await ProxyWorld.start({ keepAliveMs: 50 });
  await world.upstream(() => OK);
  match(await world.exchange(GET), /ok$/);
});

test("a body that stands still is given up", async () => {
  await using world = await ProxyWorld.start({ clientBodyIdleMs: 50 });
  await world.upstream(() => OK);
  const answer = await world.exchange(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nhalf`);
  match(answer, /^HTTP\/1\.1 408 [\s\S]*Connection: close\r\n[\s\S]*"reason":"timeout"/);
  equal(world.records[0]?.error, "invalid/timeout");
});

test("an upstream that does not answer becomes 504", async () => {
  await using world = await ProxyWorld.start({ upstreamHeadMs: 50 });
  await world.upstream(() => undefined);
  const client = await world.connect();
  client.write(GET);
  await until(() => client.text.endsWith("}\n"), "an answer");
  match(client.text, /^HTTP\/1\.1 504 [\s\S]*"reason":"head-timeout"/);
  await until(() => world.proxy.stats().upstreamConnections === 0, "the upstream's connection ends");
});

test("an upstream that takes no connection becomes 504", async () => {
  await using world = await ProxyWorld.start({ lookupMs: 50 }, { resolve: () => new Promise(() => undefined) });
  world.routeTo([{ kind: "tcp", host: "slow.example", port: 1, tls: false, basePath: "" }]);
  const client = await world.connect();
  client.write(GET);
  await until(() => client.text.endsWith("}\n"), "an answer");
  match(client.text, /^HTTP\/1\.1 504 /);
});

test("an upstream that stops within its body cuts the client's connection", async () => {
  await using world = await ProxyWorld.start({ upstreamBodyIdleMs: 50 });
  await world.upstream(() => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
  const client = await world.connect();
  client.write(GET);
  match(await client.untilClosed(), /part$/);
  equal(client.error, "ECONNRESET");
  equal(world.records[0]?.error, "unavailable/body-timeout");
});

test("a client that does not read holds one buffer, not the body, and is cut in time", async () => {
  await using world = await ProxyWorld.start({ clientReadIdleMs: 300 });
  const sizeBytes = 64 * 1024 * 1024;
  let sentBytes = 0;
  const port = await world.listen((socket) => {
    socket.once("data", () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${sizeBytes}\r\n\r\n`);
      const block = Buffer.alloc(65_536);
      const send = (): void => {
        while (sentBytes < sizeBytes) {
          sentBytes += block.length;
          if (!socket.write(block)) return;
        }
      };
      socket.on("drain", send);
      send();
    });
  });
  world.route(port);
  const client = await world.connect();
  client.socket.pause();
  client.write(GET);
  await until(() => world.records.length === 1, "the client is cut");
  ok(sentBytes < sizeBytes, `the upstream could send ${sentBytes}`);
  equal(world.records[0]?.error, "aborted");
});

test("an upstream that does not read its request stops the client", async () => {
  await using world = await ProxyWorld.start({ upstreamBodyIdleMs: 300 });
  const port = await world.listen((socket) => void socket.pause());
  world.route(port);
  const client = await world.connect();
  const sizeBytes = 64 * 1024 * 1024;
  let sentBytes = 0;
  client.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${sizeBytes}\r\n\r\n`);
  const block = Buffer.alloc(65_536);
  const send = (): void => {
    while (sentBytes < sizeBytes && !client.isClosed) {
      sentBytes += block.length;
      if (!client.socket.write(block)) return;
    }
  };
  client.socket.on("drain", send);
  send();
  await until(() => client.text.endsWith("}\n") || client.isClosed, "an answer");
  ok(sentBytes < sizeBytes, `the client could send ${sentBytes}`);
  equal(world.records[0]?.status, 504);
  equal(world.records[0]?.error, "unavailable/body-timeout");
});

test("a slow reader of a large body gets all of it", async () => {
  await using world = await ProxyWorld.start();
  const body = "x".repeat(3_000_000);
  await world.upstream(() => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const client = await world.connect();
  client.write(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  client.socket.on("data", () => {
    client.socket.pause();
    setTimeout(() => client.socket.resume(), 1);
  });
  const answer = await client.untilClosed();
  equal(answer.length - answer.indexOf("\r\n\r\n") - 4, body.length);
});

test("a kept connection to an upstream is closed when it is idle, or old", async () => {
  await using world = await ProxyWorld.start({ upstreamIdleMs: 50 });
  await world.upstream(() => OK);
  const client = await world.connect();
  client.write(GET);
  await until(() => client.text.endsWith("ok"), "an answer");
  await until(() => world.proxy.stats().upstreamConnections === 0, "it is closed");
});

test("with too many connections an idle one gives way, and one that is busy does not", async () => {
  await using world = await ProxyWorld.start({ maxConnections: 2 });
  let answer = (): void => undefined;
  const seen = await world.upstream((_, socket) => {
    answer = () => void socket.write(OK);
    return undefined;
  });
  const idle = await world.connect();
  const busy = await world.connect();
  busy.write(GET);
  await until(() => seen.length === 1, "a request is in flight");
  const next = await world.connect();
  await until(() => idle.isClosed || idle.hasEnded, "the idle one gives way");
  next.write(GET);
  await until(() => seen.length === 2, "the next is served");
  const refused = await world.connect();
  await until(() => refused.isClosed || refused.hasEnded, "there is no room");
  deepEqual([world.proxy.stats().connections, world.proxy.stats().connectionsRefused], [2, 1]);
  answer();
  await until(() => next.text.endsWith("ok"), "an answer");
  equal(busy.hasEnded, false);
});

test("a drain ends idle connections, waits for answers, and takes nobody new", async () => {
  await using world = await ProxyWorld.start();
  let answer = (): void => undefined;
  const seen = await world.upstream((_, socket) => {
    answer = () => void socket.write(OK);
    return undefined;
  });
  const idle = await world.connect();
  const busy = await world.connect();
  busy.write(GET);
  await until(() => seen.length === 1, "a request is in flight");
  const drained = world.proxy.drain(new AbortController().signal);
  equal(await idle.untilClosed(), "");
  const late = await world.connect();
  equal(await late.untilClosed(), "");
  answer();
  match(await busy.untilClosed(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\nok$/);
  await drained;
  deepEqual([world.proxy.stats().connections, world.proxy.stats().inFlight], [0, 0]);
  await until(() => world.proxy.stats().upstreamConnections === 0, "upstream connections end");
});

test("a drain that is given up cuts what is left", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => undefined);
  const client = await world.connect();
  client.write(GET);
  await until(() => seen.length === 1, "a request is in flight");
  const giveUp = new AbortController();
  const drained = world.proxy.drain(giveUp.signal);
  giveUp.abort();
  await drained;
  equal(await client.untilClosed(), "");
});

test("a drain that is given up also cuts one that is just being closed", async () => {
  let hasEnded = false;
  const drain = async (): Promise<void> => {
    await world.proxy.drain(AbortSignal.abort());
    hasEnded = true;
  };
  // When the request has ended, and the connection's end is under way.
  await using world = await ProxyWorld.start({}, { onRequest: () => queueMicrotask(() => void drain()) });
  const client = await world.connect();
  client.write("GET / HTTP/1.1\r\nHost: nobody.example\r\nConnection: close\r\n\r\n");
  await until(() => hasEnded, "the drain's end");
});
