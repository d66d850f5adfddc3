/** Answers that are kept, for whom, and until when. */
import { deepEqual, doesNotMatch, equal, match, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { type Cache, canonicalCache } from "../../../domain/cache-rules.ts";
import { answerOf, CacheWorld, LAST } from "../../../testing/cache-world.ts";
import { until } from "../../../testing/proxy-world.ts";

test("two requests are one to the upstream, until it is too old", async () => {
  await using world = await CacheWorld.start("Cache-Control: max-age=60\r\nX-Up: 1\r\n");
  const first = await world.ask();
  equal(first.status, "skerry; fwd=uri-miss; stored");
  world.time.skewMs += 10_500;
  const second = await world.ask();
  match(second.status, /^skerry; hit; ttl=(49|50)$/);
  match(second.head, /\r\nX-Up: 1\r\nDate: [^\r]*\r\nAccept-Ranges: bytes\r\nAge: 10\r\n/);
  equal(second.body, "body 1");
  const head = await world.ask("", "/x", "HEAD");
  match(head.head, /Content-Length: 6\r\n/);
  equal(head.body, "");
  equal((await world.ask("", "/x?y")).body, "body 2");
  world.time.skewMs += 60_000;
  equal((await world.ask()).body, "body 3");
  equal(world.seen.length, 3);
});

describe("never from what is kept, and never kept", () => {
  for (const [what, lines] of [
    ["a request with Authorization", "Authorization: Bearer x\r\n"],
    ["a request with a cookie", "Cookie: session=1\r\n"],
    ["a request whose answer nobody is to keep", "Cache-Control: no-store\r\n"],
    ["a request that some take for one of another method", "X-HTTP-Method-Override: POST\r\n"],
    ["a request that some take for one of another path", "X-Original-URL: /admin\r\n"],
    ["a request that some take for one of another host", "X-Host: evil.example\r\n"],
  ] as const) {
    test(what, async () => {
      await using world = await CacheWorld.start("Cache-Control: public, max-age=60\r\n");
      deepEqual(await world.bodies(lines, lines, "", lines, ""), ["body 1", "body 2", "body 3", "body 4", "body 3"]);
    });
  }
  for (const [what, head, rule = {}] of [
    ["a cookie is set", "Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n", { ttl: 60, override: true }],
    ["it is private", "Cache-Control: private, max-age=60\r\n", { ttl: 60, override: true }],
    ["it is not to be stored", "cache-control: max-age=60\r\nCache-Control: no-store\r\n", { ttl: 60, override: true }],
    ["it is to be asked for each time", "Cache-Control: no-cache\r\n"],
    ["it varies by everything", "Cache-Control: max-age=60\r\nVary: *\r\n"],
    ["it varies by the cookie", "Cache-Control: max-age=60\r\nVary: Accept, Cookie\r\n"],
    ["it is old already", "Cache-Control: max-age=60\r\nAge: 60\r\n"],
    ["it has ended", "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"],
    ["its end cannot be read", "Expires: 0\r\n"],
    ["its age cannot be read", "Cache-Control: max-age=x\r\n"],
    ["nothing is said, and the route keeps nothing then", "", { ttl: 0 }],
  ] as readonly (readonly [string, string, Cache?])[]) {
    test(`an answer: ${what}`, async () => {
      await using world = await CacheWorld.start(head, rule);
      deepEqual(await world.bodies("", ""), ["body 1", "body 2"]);
    });
  }
  test("an answer: of another status, too large, or with trailers", async () => {
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n";
    for (const [answer, rule] of [
      [answerOf("Cache-Control: max-age=9\r\n", "x", "500 Oops"), {}],
      [answerOf("Cache-Control: max-age=9\r\n", "12345"), { maxBytes: 4 }],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", { maxBytes: 4 }],
      [chunked, {}],
    ] as const) {
      await using world = await CacheWorld.start(() => answer, rule);
      await world.bodies("", "");
      equal(world.seen.length, 2, answer);
    }
  });
});

test("how long it is fresh is what is said for shared caches, then for all, then by the route", async () => {
  for (const [head, rule, seconds] of [
    ["Cache-Control: max-age=10, s-maxage=20\r\n", {}, 20],
    ["Cache-Control: max-age=10\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n", {}, 10],
    ["Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nExpires: Thu, 01 Jan 2026 00:00:40 GMT\r\n", {}, 40],
    ["", {}, 30],
    ["", { ttl: 5 }, 5],
    ["Cache-Control: max-age=10\r\n", { ttl: 50, override: true }, 50],
    ["Cache-Control: max-age=50\r\nAge: 20\r\n", {}, 30],
  ] as const) {
    await using world = await CacheWorld.start(head, rule);
    await world.ask();
    world.time.skewMs += seconds * 1000 - 2000;
    match((await world.ask()).status, /hit/, head);
    world.time.skewMs += 2500;
    doesNotMatch((await world.ask()).status, /hit/, head);
  }
});

test("what Vary names tells answers apart, and only so many are kept", async () => {
  const head = "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n";
  await using world = await CacheWorld.start(head, {}, {}, { maxCacheVariants: 2 });
  const [de, en, fr] = ["de", "en", "fr"].map((language) => `Accept-Language: ${language}\r\n`) as [
    string,
    string,
    string,
  ];
  deepEqual(await world.bodies(de, en, de, en, ""), ["body 1", "body 2", "body 1", "body 2", "body 3"]);
  deepEqual(await world.bodies("", en, fr, de), ["body 3", "body 2", "body 4", "body 5"]);
});

test("nothing is answered from what is another route's, host's, port's or query's", async () => {
  await using world = await CacheWorld.start("Cache-Control: max-age=60\r\n", {
    keyHeaders: ["X-Tenant"],
    keyQuery: ["a"],
  });
  const ask = async (target: string, host = "app.example", lines = "") => {
    const text = await world.proxy.exchange(
      `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lines}\r\n`,
    );
    return text.slice(text.indexOf("\r\n\r\n") + 4);
  };
  equal(await ask("/x?a=1&b=2"), "body 1");
  equal(await ask("/x?b=3&a=1"), "body 1", "b is in no key");
  equal(await ask("/x?a=2"), "body 2");
  equal(await ask("/x?a=1", "app.example:81"), "body 3", "the upstream sees the port");
  equal(await ask("/x?a=1", "[::1]"), "body 4");
  equal(await ask("/x?a=1", "app.example", "X-Tenant: a\r\n"), "body 5");
  const port = Number(/:(\d+)$/.exec(world.proxy.records[0]?.upstream ?? "")?.[1]);
  const upstream = {
    backends: [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }],
    reach: "any",
  } as const;
  const entry = (id: string, more: object = {}) => ({
    id,
    host: "app.example",
    path: "/",
    upstream,
    actions: { cache: {} },
    ...more,
  });
  const byHeader = entry("two", { match: { headers: [{ name: "x-two", type: "present" }] } });
  world.proxy.setEntries([entry("one"), byHeader]);
  equal(await ask("/y"), "body 6");
  equal(await ask("/y", "app.example", "X-Two: 1\r\n"), "body 7", "another route of the same host and path");
  equal(await ask("/y"), "body 6");
  // The same route that leads elsewhere now.
  world.proxy.setEntries([entry("one", { path: "/", name: "renamed" })]);
  equal(await ask("/y"), "body 8");
  const clientTls = { id: "x", mode: "request" } as const;
  world.proxy.setEntries([entry("one", { clientTls })]);
  deepEqual([await ask("/z"), await ask("/z")], ["body 9", "body 10"], "answers to who shows a certificate");
});

test("a client that has it gets 304, and one that is too old is asked about", async () => {
  const head = 'Cache-Control: max-age=10\r\nETag: "a"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nX-A: 1\r\n';
  await using world = await CacheWorld.start(({ headers }, nth) => {
    if (headers.get("if-none-match") !== '"a"') return answerOf(head, `body ${nth}`);
    return 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: max-age=20\r\nX-A: 2\r\n\r\n';
  });
  equal((await world.ask()).body, "body 1");
  const fresh = await world.ask('If-None-Match: "b", W/"a"\r\n');
  match(fresh.head, /^HTTP\/1\.1 304 [\s\S]*\r\nETag: "a"\r\n/);
  doesNotMatch(fresh.head, /Content-Length|X-A/);
  match((await world.ask("If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n")).head, /^HTTP\/1\.1 304 /);
  match((await world.ask('If-None-Match: "b"\r\n')).head, /^HTTP\/1\.1 200 /);
  equal(world.seen.length, 1);
  world.time.skewMs += 11_000;
  const renewed = await world.ask('If-None-Match: "c"\r\n');
  equal(renewed.status, "skerry; fwd=stale; fwd-status=304");
  deepEqual([renewed.body, world.seen[1]?.headers.get("if-none-match")], ["body 1", '"a"']);
  match(renewed.head, /^HTTP\/1\.1 200 [\s\S]*\r\nX-A: 2\r\n[\s\S]*Content-Length: 6\r\n/);
  world.time.skewMs += 19_000;
  match((await world.ask()).status, /hit/);
  match((await world.ask("Cache-Control: no-cache\r\n")).status, /fwd=uri-miss/);
  equal(world.seen.length, 3);
});

test("a change through the gateway evicts, also what comes at that moment", async () => {
  let release: (() => void) | undefined;
  await using world = await CacheWorld.start(({ line }, nth) => {
    if (!line.includes("/slow"))
      return answerOf(
        "Cache-Control: max-age=60\r\n",
        `body ${nth}`,
        line.startsWith("PUT /bad") ? "400 No" : "200 OK",
      );
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n${release === undefined ? "" : "0\r\n\r\n"}`;
  });
  await world.ask("", "/x?a");
  await world.ask("", "/bad");
  await world.ask("", "/x", "PUT");
  await world.ask("", "/bad", "PUT");
  doesNotMatch((await world.ask("", "/x?a")).status, /hit/);
  match((await world.ask("", "/bad")).status, /hit/);
  const client = await world.proxy.connect();
  client.write(`GET /slow HTTP/1.1\r\n${LAST}`);
  await until(() => client.text.includes("stored"), "the head");
  release = () => undefined;
  match((await world.ask("", "/slow", "DELETE")).head, /^HTTP\/1\.1 200 /);
  client.socket.destroy();
});

test("who asks for the same at once waits for one answer, and goes on when it cannot be kept", async () => {
  for (const [control, asked] of [
    ["max-age=60", 1],
    ["no-store", 6],
  ] as const) {
    const sockets: (() => void)[] = [];
    await using world = await CacheWorld.start("");
    const port = await world.proxy.listen((socket) => {
      socket.on("data", () => {
        sockets.push(() => socket.write(answerOf(`Cache-Control: ${control}\r\n`, "same")));
        if (sockets.length > 1) sockets.at(-1)?.();
      });
    });
    world.proxy.route(port);
    const all = Array.from({ length: 6 }, () => world.ask());
    await until(() => sockets.length > 0, "the first request");
    await new Promise((resolve) => setTimeout(resolve, 30));
    equal(sockets.length, 1, "the others wait");
    sockets[0]?.();
    for (const { body } of await Promise.all(all)) equal(body, "same");
    equal(sockets.length, asked, control);
    // Nobody waits for what was not kept a moment ago.
    if (asked > 1) equal((await world.ask()).body, "same");
  }
});

test("who waits goes on when the first goes away, and when it takes too long", async () => {
  for (const isGone of [true, false]) {
    await using world = await CacheWorld.start(
      (_, nth) => (nth === 1 ? undefined : answerOf("", `body ${nth}`)),
      {},
      {},
      { collapseMs: isGone ? 60_000 : 20 },
    );
    const first = await world.proxy.connect();
    first.write(`GET /x HTTP/1.1\r\n${LAST}`);
    await until(() => world.seen.length === 1, "the first request");
    const second = world.ask();
    if (isGone) first.socket.resetAndDestroy();
    equal((await second).body, "body 2");
    first.socket.destroy();
  }
});

test("a first client that does not read makes nobody wait: the answer is kept as fast as the upstream gives it", async () => {
  const body = "x".repeat(12 << 20);
  const head = "Cache-Control: max-age=60\r\n";
  for (const more of [{}, { compress: { minBytes: 1 } }]) {
    const rule = { maxBytes: 16 << 20 };
    await using world = await CacheWorld.start(
      () => answerOf(`${head}Content-Type: text/plain\r\n`, body),
      rule,
      more,
      {
        collapseMs: 1e9,
      },
    );
    const slow = await world.proxy.connect();
    slow.socket.pause();
    slow.write(`GET /x HTTP/1.1\r\n${LAST}`);
    await until(() => world.seen.length === 1, "the first request");
    const second = await world.ask();
    equal(second.body.length, body.length);
    equal(world.seen.length, 1);
    // Nor is it a loss for the slow one.
    slow.socket.resume();
    equal((await slow.untilClosed()).split("\r\n\r\n")[1]?.length, body.length);
  }
});

test("slow clients get no more memory than there is for all of them: then nothing is kept for them", async () => {
  const body = "x".repeat(12 << 20);
  const rule = { maxBytes: 16 << 20 };
  const limits = { collapseMs: 1e9, maxCacheAheadBytes: 100_000 };
  await using world = await CacheWorld.start(() => answerOf("", body), rule, {}, limits);
  const slow = await world.proxy.connect();
  slow.socket.pause();
  slow.write(`GET /x HTTP/1.1\r\n${LAST}`);
  await until(() => world.seen.length === 1, "the first request");
  equal((await world.ask()).body.length, body.length);
  equal(world.seen.length, 2);
  slow.socket.resume();
  equal((await slow.untilClosed()).split("\r\n\r\n")[1]?.length, body.length);
});

test("nobody waits again for an answer that has taken too long already", async () => {
  await using world = await CacheWorld.start(() => undefined, {}, {}, { collapseMs: 60_000 });
  const ask = async () => (await world.proxy.connect()).write(`GET /x HTTP/1.1\r\n${LAST}`);
  await ask();
  await until(() => world.seen.length === 1, "the first request");
  await ask();
  await new Promise((resolve) => setTimeout(resolve, 30));
  equal(world.seen.length, 1, "the second waits");
  world.time.skewMs += 61_000;
  // Something must happen for deadlines to be looked at.
  await world.proxy.connect();
  await until(() => world.seen.length === 2, "the second asks for itself");
  await ask();
  await until(() => world.seen.length === 3, "the third asks at once");
});

test("when the first goes away, one of those who wait asks for all of them", async () => {
  const held: (() => void)[] = [];
  await using world = await CacheWorld.start("");
  const port = await world.proxy.listen((socket) => {
    socket.on("data", () => held.push(() => socket.write(answerOf("Cache-Control: max-age=60\r\n", "same"))));
  });
  world.proxy.route(port);
  const first = await world.proxy.connect();
  first.write(`GET /x HTTP/1.1\r\n${LAST}`);
  await until(() => held.length === 1, "the first request");
  const others = Array.from({ length: 5 }, () => world.ask());
  await new Promise((resolve) => setTimeout(resolve, 30));
  first.socket.resetAndDestroy();
  await until(() => held.length === 2, "one of the others");
  await new Promise((resolve) => setTimeout(resolve, 30));
  equal(held.length, 2);
  held[1]?.();
  for (const { body } of await Promise.all(others)) equal(body, "same");
});

test("an answer that breaks off is not kept", async () => {
  await using world = await CacheWorld.start("Cache-Control: max-age=60\r\n");
  const port = await world.proxy.listen((socket) => {
    socket.on("data", () =>
      socket.end("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nshort"),
    );
  });
  world.proxy.route(port);
  await world.ask().catch(() => undefined);
  doesNotMatch((await world.ask()).status, /hit/);
});

test("bytes and answers that are kept are bounded: the least used go", async () => {
  const body = "x".repeat(3000);
  await using world = await CacheWorld.start(() => answerOf("", body), {}, {}, { maxCacheBytes: 10_000 });
  for (const target of ["/1", "/2", "/1", "/3"]) await world.ask("", target);
  match((await world.ask("", "/1")).status, /hit/);
  doesNotMatch((await world.ask("", "/2")).status, /hit/);
  await using few = await CacheWorld.start(() => answerOf("", "x"), {}, {}, { maxCacheEntries: 1 });
  for (const target of ["/1", "/2"]) await few.ask("", target);
  doesNotMatch((await few.ask("", "/1")).status, /hit/);
});

test("what is kept goes through the route's other actions", async () => {
  const text = "skerry ".repeat(1000);
  await using world = await CacheWorld.start(
    () => answerOf("Content-Type: text/plain\r\n", text),
    {},
    {
      compress: {},
      cors: { origins: ["https://a.example"] },
      headers: { response: { set: { "X-Id": "{request_id}" } } },
    },
  );
  for (const id of ["one", "two"]) {
    const { head, body } = await world.ask(
      `Accept-Encoding: gzip\r\nX-Request-Id: ${id}\r\nOrigin: https://a.example\r\n`,
    );
    match(head, /Content-Encoding: gzip/);
    match(head, new RegExp(`X-Id: ${id}\r\n`));
    match(head, /Access-Control-Allow-Origin: https:\/\/a\.example\r\n/);
    const chunks = [...body.matchAll(/([0-9a-f]+)\r\n/g)];
    const size = Number.parseInt(chunks[0]?.[1] ?? "0", 16);
    const from = body.indexOf("\r\n") + 2;
    if (body.slice(from + size).startsWith("\r\n0\r\n"))
      equal(gunzipSync(Buffer.from(body.slice(from, from + size), "latin1")).toString(), text);
  }
  equal((await world.ask()).body, text);
  equal(world.seen.length, 1);
});

test("what cannot be a rule is refused", () => {
  for (const [rule, message] of [
    [{ ttl: -1 }, /0 to/],
    [{ ttl: 1.5 }, /0 to/],
    [{ maxBytes: 1e12 }, /at most/],
    [{ staleWhileRevalidate: 0.5 }, /0 to/],
    [{ staleIfError: 1e12 }, /0 to/],
    [{ statuses: [206] }, /cannot be kept/],
    [{ statuses: [99] }, /cannot be kept/],
    [{ keyHeaders: ["Cookie"] }, /never answered/],
    [{ keyHeaders: ["a b"] }, /no name/],
    [{ keyHeaders: ["X-Forwarded-For"] }, /not passed on/],
    [{ keyQuery: ["a\n"] }, /no name/],
  ] as const)
    throws(() => canonicalCache(rule), message);
});
