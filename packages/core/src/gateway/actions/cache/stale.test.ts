/** What is too old, and given all the same: while it is renewed, and when the upstream fails. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { answerOf, CacheWorld, LAST } from "../../../testing/cache-world.ts";
import { until } from "../../../testing/proxy-world.ts";

const says = (control: string, etag = "") => `Cache-Control: ${control}\r\n${etag}`;

test("while one request renews it, all get what is too old; then what is new", async () => {
  for (const [head, rule] of [
    [says("max-age=10, stale-while-revalidate=20"), {}],
    [says("max-age=10"), { staleWhileRevalidate: 20 }],
    ["", { ttl: 10, staleWhileRevalidate: 20 }],
    [says("max-age=99, stale-while-revalidate=0"), { ttl: 10, override: true, staleWhileRevalidate: 20 }],
  ] as const) {
    await using world = await CacheWorld.start("", rule);
    const held: (() => void)[] = [];
    const heads: string[] = [];
    const port = await world.proxy.listen((socket) => {
      socket.on("data", (bytes: Buffer) => {
        heads.push(bytes.toString());
        const body = `body ${heads.length}`;
        held.push(() => socket.write(answerOf(head, body)));
        if (heads.length === 1) held[0]?.();
      });
    });
    world.proxy.route(port);
    equal((await world.ask()).body, "body 1");
    world.time.skewMs += 12_500;
    for (let n = 0; n < 3; n++) {
      const { body, status, head: got } = await world.ask('If-None-Match: "z"\r\nRange: bytes=0-99\r\n');
      deepEqual([body, status], ["body 1", "skerry; hit; ttl=-2"]);
      match(got, /\r\nAge: 12\r\n/);
    }
    await until(() => held.length === 2, "it is asked for anew");
    match(heads[1] ?? "", /\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/i);
    doesNotMatch(heads[1] ?? "", /If-None-Match|Range/);
    held[1]?.();
    await until(() => world.proxy.proxy.stats().upstreamConnections > 0, "a connection");
    for (let body = ""; body !== "body 2"; ) ({ body } = await world.ask());
    equal(held.length, 2);
    const { cacheResults, requests, inFlight } = world.proxy.proxy.stats();
    equal(cacheResults.miss, 1);
    equal(cacheResults.stale >= 3, true);
    deepEqual([requests, inFlight], [world.proxy.records.length, 0], "what nobody has asked for is not told");
    world.time.skewMs += 31_000;
    const late = world.ask();
    await until(() => held.length === 3, "nobody gets what is far too old");
    held[2]?.();
    equal((await late).body, "body 3");
  }
});

test("it is renewed by what it is known by, and when that fails it stays as old as it is", async () => {
  const head = says("max-age=10, stale-while-revalidate=1000, stale-if-error=1000", 'ETag: "a"\r\n');
  let status = "304 Not Modified";
  await using world = await CacheWorld.start(({ headers }) => {
    return headers.get("if-none-match") === '"a"'
      ? `HTTP/1.1 ${status}\r\n${head}Content-Length: 0\r\n\r\n`
      : answerOf(head, "same");
  });
  await world.ask();
  world.time.skewMs += 11_000;
  match((await world.ask()).status, /hit; ttl=-/);
  await until(() => world.seen.length === 2, "the question");
  for (let said = ""; !/ttl=(9|10)$/.test(said); ) ({ status: said } = await world.ask());
  status = "503 No";
  world.time.skewMs += 11_000;
  await world.ask();
  await until(() => world.seen.length === 3, "the question");
  for (let n = 0; n < 20; n++) match((await world.ask()).status, /hit; ttl=-/);
  // It is not asked again and again.
  equal(world.seen.length, 3);
});

test("must-revalidate forbids it, and so does what the route does not say", async () => {
  for (const head of [
    says("max-age=10, must-revalidate, stale-while-revalidate=60, stale-if-error=60"),
    says("max-age=10, proxy-revalidate"),
    says("max-age=10, stale-while-revalidate=0, stale-if-error=0"),
  ]) {
    await using world = await CacheWorld.start(
      (_, nth) => answerOf(head, `body ${nth}`, nth === 3 ? "503 No" : "200 OK"),
      { staleWhileRevalidate: 60, staleIfError: 60 },
    );
    await world.ask();
    world.time.skewMs += 11_000;
    equal((await world.ask()).body, "body 2");
    world.time.skewMs += 11_000;
    match((await world.ask()).head, /^HTTP\/1\.1 503 /);
  }
});

test("when the upstream says that it fails, breaks off, or is not there, what is too old is given for a while", async () => {
  for (const failure of ["503 No", "500 No", "breaks", "gone"] as const) {
    await using world = await CacheWorld.start("", { ttl: 10, staleIfError: 100 });
    let isBroken = false;
    let asked = 0;
    const sockets: Socket[] = [];
    const port = await world.proxy.listen((socket) => {
      sockets.push(socket);
      socket.on("data", () => {
        asked++;
        if (!isBroken) socket.write(answerOf("", "good"));
        else if (failure === "breaks") socket.destroy();
        else socket.write(answerOf("", "bad", failure));
      });
    });
    world.proxy.route(port);
    await world.ask();
    isBroken = true;
    if (failure === "gone") {
      world.proxy.stopListening(port);
      for (const socket of sockets) socket.destroy();
      await until(() => world.proxy.proxy.stats().upstreamConnections === 0, "it is gone");
    }
    world.time.skewMs += 20_000;
    const { head, body, status } = await world.ask();
    match(head, /^HTTP\/1\.1 200 /);
    equal(body, "good");
    const isTold = failure === "500 No" || failure === "503 No";
    match(status, isTold ? /^skerry; fwd=stale; fwd-status=50[03]; ttl=-(9|10)$/ : /^skerry; fwd=stale; ttl=-(9|10)$/);
    world.time.skewMs += 100_000;
    match((await world.ask()).head, /^HTTP\/1\.1 50[023] /);
    if (failure === "breaks") equal(asked >= 3, true);
    else equal(asked, isTold ? 3 : 1);
  }
});

test("what was changed meanwhile is not given when the upstream fails", async () => {
  let late: (() => void) | undefined;
  await using world = await CacheWorld.start("", { ttl: 10, staleIfError: 100, staleWhileRevalidate: 5 });
  let isBroken = false;
  const port = await world.proxy.listen((socket) => {
    socket.on("data", (bytes: Buffer) => {
      if (bytes.toString().startsWith("PUT")) socket.write(answerOf("", "put"));
      else if (isBroken) late = () => socket.write(answerOf("", "bad", "503 No"));
      else socket.write(answerOf("", "good"));
    });
  });
  world.proxy.route(port);
  await world.ask();
  isBroken = true;
  world.time.skewMs += 20_000;
  const client = await world.proxy.connect();
  client.write(`GET /x HTTP/1.1\r\n${LAST}`);
  await until(() => late !== undefined, "the question");
  await world.ask("", "/x", "PUT");
  late?.();
  match(await client.untilClosed(), /^HTTP\/1\.1 503 /);
});

test("nobody waits for the rest of a failure in whose place what is kept is given", async () => {
  for (const more of [{}, { compress: {} }]) {
    for (const isCut of [true, false]) {
      await using world = await CacheWorld.start("", { staleIfError: 1000, ttl: 10 }, more);
      let count = 0;
      const port = await world.proxy.listen((socket) => {
        socket.on("data", () => {
          if (count++ === 0) socket.write(answerOf("", "body 1"));
          else if (isCut) socket.end("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\npart");
          else socket.write("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\npart");
        });
      });
      world.proxy.route(port);
      equal((await world.ask()).body, "body 1");
      world.time.skewMs += 12_500;
      equal((await world.ask()).body, "body 1");
      await until(() => world.proxy.proxy.stats().inFlight === 0, "it is over");
    }
  }
});
