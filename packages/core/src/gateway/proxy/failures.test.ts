/** What breaks, stalls or lies: at the upstream, at the client, in between. */
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { Socket } from "node:net";
import { test } from "node:test";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

const HOST = "Host: app.example\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const GET_LAST = `GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Status, code/reason and detail of a problem document. */
function problem(answer: string): { status: number; id: string; detail: string } {
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  const body = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)) as Record<string, string>;
  match(answer, /Content-Type: application\/problem\+json\r\n/);
  ok(answer.includes(`X-Request-Id: ${body["requestId"]}\r\n`));
  ok(!/127\.0\.0\.1|:\d{4,5}/.test(answer.slice(answer.indexOf("\r\n\r\n"))), "no address of an upstream is told");
  return { status, id: `${body["code"]}/${body["reason"]}`, detail: body["detail"] as string };
}

async function closedPort(world: ProxyWorld): Promise<number> {
  const port = await world.listen(() => undefined);
  world.stopListening(port);
  return port;
}

test("no route", async () => {
  await using world = await ProxyWorld.start();
  const answer = await world.exchange("GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n");
  deepEqual({ ...problem(answer), detail: "" }, { status: 404, id: "not_found/route", detail: "" });
});

test("a route without backends says so, and why only to those who may read it", async () => {
  await using world = await ProxyWorld.start();
  world.routeTo([], { reason: "container web is not running" });
  const { status, id, detail } = problem(await world.exchange(GET_LAST));
  deepEqual({ status, id }, { status: 502, id: "unavailable/upstream" });
  match(detail, /no upstream now/);
  doesNotMatch(detail, /container/);
});

test("interim answers without end are a fault of the upstream", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(100));
  const answer = await world.exchange(GET_LAST);
  match(answer, /HTTP\/1\.1 502 /);
  ok(answer.split("103 Early Hints").length - 1 <= 16);
});

test("nobody listens at the upstream", async () => {
  await using world = await ProxyWorld.start();
  world.route(await closedPort(world));
  const { status, id, detail } = problem(await world.exchange(GET_LAST));
  deepEqual({ status, id }, { status: 502, id: "unavailable/upstream" });
  match(detail, /refused the connection/);
  equal(world.records[0]?.error, "unavailable/upstream");
  equal(world.proxy.stats().upstreamErrors, 1);
});

test("a backend that is down is passed over", async () => {
  await using world = await ProxyWorld.start();
  const down = await closedPort(world);
  const up = await world.listen((socket) => socket.on("data", () => socket.write(OK)));
  world.route(down, up);
  for (let i = 0; i < 10; i++) match(await world.exchange(GET_LAST), /^HTTP\/1\.1 200/);
  equal(world.proxy.stats().upstreamErrors, 1);
});

test("a backend that was down is asked again after a while, and at once when all were", async () => {
  await using world = await ProxyWorld.start({ avoidMs: 50 });
  const port = await closedPort(world);
  world.route(port, await closedPort(world));
  match(await world.exchange(GET_LAST), /^HTTP\/1\.1 502/);
  equal(world.proxy.stats().upstreamErrors, 2);
  match(await world.exchange(GET_LAST), /^HTTP\/1\.1 502/);
  equal(world.proxy.stats().upstreamErrors, 4);
  const taken: string[] = [];
  const answer = (name: string) => (socket: Socket) =>
    void socket.on("data", () => {
      taken.push(name);
      socket.write(OK);
    });
  const first = await world.listen(answer("first"));
  const second = await closedPort(world);
  world.route(first, second);
  match(await world.exchange(GET_LAST), /^HTTP\/1\.1 200/);
  await world.listen(answer("second"), second);
  for (let i = 0; i < 10_000 && !taken.includes("second"); i++) await world.exchange(GET_LAST);
  ok(taken.includes("second"));
});

test("a full backend is passed over", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 1, maxWaiting: 0 });
  let taken = 0;
  const silent = await world.listen(() => taken++);
  const up = await world.listen((socket) => socket.on("data", () => socket.write(OK)));
  world.route(silent, up);
  const first = await world.connect();
  first.write(GET);
  await until(() => taken === 1, "the silent one has a request");
  for (let i = 0; i < 4; i++) match(await world.exchange(GET_LAST), /^HTTP\/1\.1 200/);
});

test("an ambiguous path and a path of another route are not confused", async () => {
  await using world = await ProxyWorld.start();
  const upstream = { backends: [], reach: "any" as const };
  world.setEntries([
    { id: "a", host: "app.example", path: "/", upstream },
    { id: "b", host: "app.example", path: "/admin", upstream },
  ]);
  const answer = await world.exchange(`GET /%61dmin HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  deepEqual({ ...problem(answer), detail: "" }, { status: 400, id: "invalid/undefined", detail: "" });
});

for (const [name, answer] of [
  ["not HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok"],
  ["length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
  ["a head that is too large", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(40_000)}\r\n\r\n`],
  ["a switch that nobody asked for", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"],
  ["a switch to something else", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"],
] as const) {
  test(`an answer that is ${name} becomes 502`, async () => {
    await using world = await ProxyWorld.start();
    await world.upstream(() => answer);
    const { status, id } = problem(await world.exchange(GET_LAST));
    deepEqual({ status, id }, { status: 502, id: "unavailable/upstream" });
  });
}

test("an upstream that closes without an answer becomes 502", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream((_, socket) => void socket.end());
  equal(problem(await world.exchange(GET_LAST)).status, 502);
});

test("an upstream that resets within its head becomes 502", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream((_, socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-");
    setTimeout(() => socket.resetAndDestroy(), 20);
    return undefined;
  });
  equal(problem(await world.exchange(GET_LAST)).status, 502);
});

for (const [name, head, part] of [
  ["a length", "Content-Length: 1000", "part"],
  ["chunks", "Transfer-Encoding: chunked", "4\r\npart\r\n"],
] as const) {
  for (const how of ["reset", "end"] as const) {
    test(`an upstream's ${how} in a body with ${name} is no short 200`, async () => {
      await using world = await ProxyWorld.start();
      await world.upstream((_, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${part}`);
        setTimeout(() => (how === "reset" ? socket.resetAndDestroy() : socket.end()), 20);
        return undefined;
      });
      const client = await world.connect();
      client.write(GET_LAST);
      const answer = await client.untilClosed();
      ok(answer.endsWith(part), answer);
      equal(client.error, "ECONNRESET");
      equal(client.hasEnded, false);
      equal(world.records[0]?.error, "unavailable/upstream");
    });
  }
}

test("an answer that ends with its connection and is reset is no short 200", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream((_, socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\npart");
    setTimeout(() => socket.resetAndDestroy(), 20);
    return undefined;
  });
  const client = await world.connect();
  client.write(GET_LAST);
  await client.untilClosed();
  equal(client.error, "ECONNRESET");
});

test("a request with two framings reaches no upstream", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => OK);
  const head = `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const answer = await world.exchange(`${head}0\r\n\r\n${GET_LAST}`);
  equal(problem(answer).status, 400);
  equal(seen.length, 0);
});

test("bad chunks in an answer cut the client's connection when it has a part of it, else they become 502", async () => {
  await using world = await ProxyWorld.start();
  let upstream: Socket | undefined;
  const good = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n";
  await world.upstream((_, socket) => {
    upstream = socket;
    return good;
  });
  const client = await world.connect();
  client.write(GET_LAST);
  await until(() => client.text.endsWith("part\r\n"), "the first part");
  upstream?.write("zz\r\n");
  await client.untilClosed();
  equal(client.error, "ECONNRESET");
  await world.upstream(() => `${good}zz\r\n`);
  equal(problem(await world.exchange(GET_LAST)).status, 502);
});

test("a byte behind an answer is nobody's answer", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`);
  const answer = await world.exchange(GET + GET_LAST);
  equal(answer.split("HTTP/1.1 200").length - 1, 2);
  ok(!answer.includes("evil"));
  equal(seen.length, 2);
});

test("bytes behind an answer without a body are nobody's answer", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(
    () => "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
  );
  const answer = await world.exchange(GET + GET_LAST);
  equal(answer.split("HTTP/1.1 204").length - 1, 2);
  ok(!answer.includes("evil"));
  equal(seen.length, 2);
});

test("unasked bytes on a kept connection end it, and answer nobody", async () => {
  await using world = await ProxyWorld.start();
  const sockets: Socket[] = [];
  await world.upstream((_, socket) => {
    sockets.push(socket);
    return OK;
  });
  const client = await world.connect();
  client.write(GET);
  await until(() => client.text.endsWith("ok"), "the first answer");
  sockets[0]?.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  await until(() => world.proxy.stats().upstreamConnections === 0, "the connection ends");
  client.write(GET_LAST);
  const answer = await client.untilClosed();
  ok(!answer.includes("evil") && answer.endsWith("ok"), answer);
});

/** An upstream whose kept connections die when they are used again. */
async function mortalUpstream(world: ProxyWorld): Promise<string[]> {
  const lines: string[] = [];
  await world.upstream(({ line }, socket) => {
    lines.push(line);
    const isSecond = "used" in socket;
    if (!isSecond) return Object.assign(socket, { used: true }) && OK;
    socket.resetAndDestroy();
    return undefined;
  });
  return lines;
}

test("a dead kept connection is noticed by asking again, once", async () => {
  await using world = await ProxyWorld.start();
  const lines = await mortalUpstream(world);
  match(await world.exchange(GET + GET_LAST), /ok[\s\S]*ok$/);
  deepEqual(lines.length, 3);
});

test("what is not safe to repeat is not repeated", async () => {
  await using world = await ProxyWorld.start();
  const lines = await mortalUpstream(world);
  const answer = await world.exchange(`${GET}POST / HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: 0\r\n\r\n`);
  match(answer, /ok[\s\S]*HTTP\/1\.1 502 /);
  equal(lines.length, 2);
  match(
    await world.exchange(`${GET}PUT / HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: 1\r\n\r\nx`),
    /ok[\s\S]*HTTP\/1\.1 502 /,
  );
  equal(lines.length, 4);
});

test("an answer before the request's end ends both connections, after the answer", async () => {
  await using world = await ProxyWorld.start();
  let isClosed = false;
  const port = await world.listen((socket) => {
    socket.once("data", () => socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    socket.once("end", () => {
      isClosed = true;
    });
  });
  world.route(port);
  const client = await world.connect();
  client.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\nbegin`);
  const answer = await client.untilClosed();
  match(answer, /^HTTP\/1\.1 413 Too Large\r\n[\s\S]*Connection: close\r\n\r\nno$/);
  await until(() => isClosed, "the upstream's connection ends");
});

test("a client that goes away ends the upstream's connection", async () => {
  for (const begin of [`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nhalf`, GET]) {
    await using world = await ProxyWorld.start();
    let socketOf: Socket | undefined;
    let isClosed = false;
    const port = await world.listen((socket) => {
      socketOf = socket;
      socket.resume();
      socket.once("close", () => {
        isClosed = true;
      });
      socket.once("end", () => socket.end());
    });
    world.route(port);
    const client = await world.connect();
    client.write(begin);
    await until(() => socketOf !== undefined && socketOf.bytesRead > 0, "the upstream sees the request");
    client.socket.resetAndDestroy();
    await until(() => isClosed, "the upstream's connection ends");
    await until(() => world.records.length === 1, "a record");
    deepEqual([world.records[0]?.status, world.records[0]?.error], [0, "aborted"]);
    deepEqual([world.proxy.stats().inFlight, world.proxy.stats().connections], [0, 0]);
  }
});

test("a client that ends within its body ends the upstream's connection", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => OK);
  const client = await world.connect();
  client.socket.end(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nhalf`);
  equal(await client.untilClosed(), "");
  equal(seen.length, 0);
  await until(() => world.proxy.stats().upstreamConnections === 0, "the upstream's connection ends");
});

test("too many requests in flight", async () => {
  await using world = await ProxyWorld.start({ maxInFlight: 1 });
  const seen = await world.upstream(() => undefined);
  const first = await world.connect();
  first.write(GET);
  await until(() => seen.length === 1, "the first is in flight");
  const answer = await world.exchange(GET_LAST);
  match(answer, /\r\nRetry-After: 1\r\n/);
  deepEqual({ ...problem(answer), detail: "" }, { status: 503, id: "exhausted/overload", detail: "" });
});

test("too many wait for one upstream", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 1, maxWaiting: 1 });
  const seen = await world.upstream(() => undefined);
  const first = await world.connect();
  first.write(GET);
  await until(() => seen.length === 1, "the first is in flight");
  const second = await world.connect();
  second.write(GET);
  await until(() => world.proxy.stats().inFlight === 2, "the second waits");
  equal(problem(await world.exchange(GET_LAST)).id, "exhausted/overload");
});

test("a socket that is gone when it is given leaves nothing behind", async () => {
  await using world = await ProxyWorld.start();
  const socket = new Socket();
  socket.destroy();
  await once(socket, "close");
  world.proxy.accept(socket, false);
  deepEqual([world.proxy.stats().connections, world.proxy.stats().connectionsTotal], [0, 1]);
});

test("too many connections: the next is closed", async () => {
  await using world = await ProxyWorld.start({ maxConnections: 1 });
  const seen = await world.upstream(() => undefined);
  const first = await world.connect();
  first.write(GET);
  await until(() => seen.length === 1, "the first is busy");
  const second = await world.connect();
  equal(await second.untilClosed(), "");
  equal(world.proxy.stats().connectionsRefused, 1);
});
