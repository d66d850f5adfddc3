/** Whose answers are told apart, and which are not to be kept after all. */
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { answerOf, CacheWorld } from "../../../testing/cache-world.ts";
import { until } from "../../../testing/proxy-world.ts";
import { ResponseCache } from "./response-cache.ts";

test("what the route itself puts into requests tells answers apart, as the upstream sees it", async () => {
  const head = "Cache-Control: max-age=60\r\nVary: X-Client\r\n";
  const headers = { request: { set: { "X-Client": "{request_id}" } } };
  for (const rule of [{}, { keyHeaders: ["X-Client"] }]) {
    await using world = await CacheWorld.start(rule.keyHeaders ? "Cache-Control: max-age=60\r\n" : head, rule, {
      headers,
    });
    const [one, two] = ["X-Request-Id: one\r\n", "X-Request-Id: two\r\n"] as const;
    deepEqual(await world.bodies(one, two, one, two), ["body 1", "body 2", "body 1", "body 2"]);
  }
});

test("an answer that depends on what the gateway says of the client is not kept", async () => {
  for (const name of ["X-Forwarded-For", "Forwarded", "x-request-id", "Accept, X-Forwarded-For"]) {
    await using world = await CacheWorld.start(`Cache-Control: max-age=60\r\nVary: ${name}\r\n`);
    deepEqual(await world.bodies("", ""), ["body 1", "body 2"], name);
  }
});

test("a parameter that is a key is one however it is written", async () => {
  await using world = await CacheWorld.start("Cache-Control: max-age=60\r\n", { keyQuery: ["page"] });
  const bodies: string[] = [];
  for (const query of ["", "?p%61ge=2", "?x=1;page=2", "?page[]=2", "?Page=2", "?x=1"])
    bodies.push((await world.ask("", `/x${query}`)).body);
  deepEqual(bodies, ["body 1", "body 2", "body 3", "body 4", "body 5", "body 1"]);
});

test("a change evicts also what was asked for before, and comes after", async () => {
  for (const isRenewed of [false, true]) {
    let isOver = false;
    const late: (() => void)[] = [];
    const head = 'Cache-Control: max-age=10\r\nETag: "a"\r\n';
    await using world = await CacheWorld.start("");
    const port = await world.proxy.listen((socket) => {
      socket.on("data", (bytes: Buffer) => {
        const text = bytes.toString();
        if (text.startsWith("PUT")) socket.write(answerOf("", "put"));
        else if (isOver) socket.write(answerOf(head, "new"));
        else if (text.includes("If-None-Match"))
          late.push(() => socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: max-age=60\r\n\r\n'));
        else if (isRenewed) socket.write(answerOf(head, "old"));
        else late.push(() => socket.write(answerOf(head, "old")));
      });
    });
    world.proxy.route(port);
    if (isRenewed) {
      await world.ask();
      world.time.skewMs += 11_000;
    }
    const asked = world.ask();
    await until(() => late.length === 1, "the question");
    match((await world.ask("", "/x", "PUT")).body, /put/);
    late[0]?.();
    equal((await asked).body, "old");
    isOver = true;
    equal((await world.ask()).body, "new", `renewed: ${isRenewed}`);
  }
});

test("of what was kept for the same the last answer counts, also when it varies otherwise", async () => {
  await using world = await CacheWorld.start((_, nth) => {
    return answerOf(`Cache-Control: max-age=10\r\n${nth === 1 ? "" : "Vary: Accept\r\n"}`, `body ${nth}`);
  });
  equal((await world.ask()).body, "body 1");
  world.time.skewMs += 11_000;
  deepEqual(await world.bodies("", ""), ["body 2", "body 2"]);
});

test("nobody stops others from waiting for one answer by asking for its head, or whether it has changed", async () => {
  for (const [lines, method] of [
    ["", "HEAD"],
    ['If-None-Match: "a"\r\n', "GET"],
  ] as const) {
    const waiting: (() => void)[] = [];
    await using world = await CacheWorld.start("");
    const port = await world.proxy.listen((socket) => {
      socket.on("data", (bytes: Buffer) => {
        const text = bytes.toString();
        if (text.startsWith("HEAD")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        else if (text.includes("If-None-Match")) socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n');
        else waiting.push(() => socket.write(answerOf("Cache-Control: max-age=60\r\n", "same")));
      });
    });
    world.proxy.route(port);
    await world.ask(lines, "/x", method);
    const all = Array.from({ length: 3 }, () => world.ask());
    await until(() => waiting.length > 0, "the first request");
    await new Promise((resolve) => setTimeout(resolve, 30));
    const count = waiting.length;
    for (const one of waiting) one();
    await Promise.all(all);
    equal(count, 1, method);
  }
});

test("304 that says that it is not to be kept, or depends on more, is believed", async () => {
  const first = answerOf('Cache-Control: max-age=10\r\nETag: "a"\r\n', "same");
  for (const [lines, asked] of [
    ["Cache-Control: private\r\n", [undefined, '"a"', undefined]],
    ["Cache-Control: max-age=60\r\nVary: Accept-Language\r\n", [undefined, '"a"', '"a"']],
  ] as const) {
    await using world = await CacheWorld.start(({ headers }) => {
      return headers.get("if-none-match") === undefined ? first : `HTTP/1.1 304 Not Modified\r\n${lines}\r\n`;
    });
    await world.ask();
    world.time.skewMs += 11_000;
    await world.bodies("Accept-Language: de\r\n", "Accept-Language: en\r\n");
    const questions = world.seen.map(({ headers }) => headers.get("if-none-match"));
    deepEqual(questions, asked, lines);
  }
});

test("what is kept holds no more memory than it has bytes", async () => {
  const kept: ArrayBufferLike[] = [];
  const { put } = ResponseCache.prototype;
  try {
    ResponseCache.prototype.put = function (key, one) {
      kept.push(one.body.buffer);
      put.call(this, key, one);
    };
    await using world = await CacheWorld.start("Cache-Control: max-age=60\r\n");
    equal((await world.ask()).body, "body 1");
    match((await world.ask()).status, /hit/);
  } finally {
    ResponseCache.prototype.put = put;
  }
  deepEqual(
    kept.map(({ byteLength }) => byteLength),
    [6],
  );
});
