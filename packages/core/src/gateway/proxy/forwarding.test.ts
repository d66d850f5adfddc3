/** What goes through the proxy, and how it looks on both sides. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ProxyWorld, type SeenRequest, until } from "../../testing/proxy-world.ts";

const HOST = "Host: app.example\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

test("a request and its answer go through, with the gateway's headers", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(
    () => "HTTP/1.1 203 Sure thing\r\nX-One: 1\r\nContent-Length: 2\r\nX-Two: 2\r\n\r\nok",
  );
  const answer = await world.exchange(`GET /x?y=z HTTP/1.1\r\n${HOST}Connection: close\r\nAccept: */*\r\n\r\n`);
  const { head } = seen[0] as SeenRequest;
  const id = /X-Request-Id: (\S+)\r\n/.exec(head)?.[1] as string;
  equal(
    head,
    `GET /x?y=z HTTP/1.1\r\n${HOST}Accept: */*\r\nForwarded: for=127.0.0.1;host="app.example";proto=http\r\n` +
      "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: app.example\r\n" +
      `CDN-Loop: skerry\r\nX-Request-Id: ${id}\r\n\r\n`,
  );
  const [date = ""] = /Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/.exec(answer) ?? [];
  equal(
    answer,
    `HTTP/1.1 203 Sure thing\r\nX-One: 1\r\nX-Two: 2\r\n${date}Content-Length: 2\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\nok`,
  );
  const [record] = world.records;
  deepEqual(
    { ...record, durationMs: 0, upstreamMs: 0, upstream: "" },
    {
      ...{ id, routeId: "route app.example", method: "GET", host: "app.example", path: "/x", status: 203 },
      ...{ client: "127.0.0.1", protocol: "HTTP/1.1", tls: undefined, durationMs: 0, upstreamMs: 0, upstream: "" },
      ...{ bytesIn: 0, bytesOut: answer.length, attempts: 1, hedges: 0, variant: undefined, error: undefined },
    },
  );
  const { requests, inFlight, byClass, bytesOut, latency } = world.proxy.stats();
  deepEqual({ requests, inFlight, byClass }, { requests: 1, inFlight: 0, byClass: [0, 0, 1, 0, 0, 0] });
  equal(bytesOut, answer.length);
  equal(
    latency.reduce((sum, one) => sum + one, 0),
    1,
  );
});

test("what a client says about itself is replaced, and headers of its hop are dropped", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => OK);
  await world.exchange(
    `GET / HTTP/1.1\r\n${HOST}X-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\nX-FORWARDED-HOST: evil\r\n` +
      "X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Anything: 1\r\nForwarded: for=6.6.6.6\r\n" +
      "X-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nContent_Length: 5\r\nProxy: http://evil\r\n" +
      "Connection: close, X-Hop, Host, X-Request-Id\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nProxy-Connection: x\r\nTE: gzip\r\n" +
      "Proxy-Authorization: Basic x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-Kept: 1\r\n\r\n",
  );
  const { headers, head } = seen[0] as SeenRequest;
  deepEqual(
    [...headers.keys()],
    [
      ...["host", "x-kept", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"],
      ...["cdn-loop", "x-request-id"],
    ],
  );
  ok(!/6\.6\.6\.6|evil/.test(head), head);
});

test("every answer says when it was made, once", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(({ line }) =>
    line.includes("/dated") ? "HTTP/1.1 200 OK\r\ndate: then\r\nContent-Length: 0\r\n\r\n" : OK,
  );
  const dates = async (head: string): Promise<string[]> => {
    const answer = await world.exchange(`${head}Connection: close\r\n\r\n`);
    return [...answer.matchAll(/\r\ndate: (.*)\r\n/gi)].map((one) => one[1] as string);
  };
  deepEqual(await dates(`GET /dated HTTP/1.1\r\n${HOST}`), ["then"]);
  for (const head of [`GET / HTTP/1.1\r\n${HOST}`, "GET / HTTP/1.1\r\nHost: other.example\r\n", "nonsense\r\n"]) {
    const [date = "", ...more] = await dates(head);
    deepEqual(more, []);
    ok(Math.abs(Date.parse(date) - Date.now()) < 60_000, date);
  }
});

test("a route that leads back to the gateway has an end", async () => {
  await using world = await ProxyWorld.start();
  const port = await world.listen((socket) => world.proxy.accept(socket, false));
  world.route(port);
  match(
    await world.exchange(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
    /^HTTP\/1\.1 502 [\s\S]*leads back/,
  );
  equal(world.records.length, 5);
  const seen = await world.upstream(() => OK);
  await world.exchange(
    `GET / HTTP/1.1\r\n${HOST}CDN-Loop: other; a=skerry, SKERRY\r\ncdn-loop: skerry;x\r\nConnection: close\r\n\r\n`,
  );
  equal(count((seen[0] as SeenRequest).head.toLowerCase(), "cdn-loop: "), 3, "what others say is passed on");
});

test("a method that is never taken is answered with those that are", async () => {
  await using world = await ProxyWorld.start();
  match(await world.exchange(`TRACE / HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 405 [\s\S]*\r\nAllow: GET, HEAD, /);
});

test("a good request id is kept, another is replaced", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => "HTTP/1.1 200 OK\r\nX-Request-Id: upstream\r\nContent-Length: 0\r\n\r\n");
  for (const [sent, isKept] of [
    ["my-id_1.2", true],
    ["a b", false],
    ["x".repeat(64), true],
    ["x".repeat(65), false],
    ["", false],
    ["a;b", false],
  ] as const) {
    const answer = await world.exchange(`GET / HTTP/1.1\r\n${HOST}X-Request-Id: ${sent}\r\nConnection: close\r\n\r\n`);
    const id = (seen.at(-1) as SeenRequest).headers.get("x-request-id") as string;
    equal(id === sent, isKept, sent);
    match(id, /^[A-Za-z0-9._-]{1,64}$/);
    ok(answer.includes(`X-Request-Id: ${id}\r\n`));
    equal(count(answer, "X-Request-Id"), 1);
  }
});

test("a base path and another Host go to the upstream", async () => {
  await using world = await ProxyWorld.start();
  const port = await world.listen((socket) => {
    socket.on("data", (bytes) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${bytes.toString()}`));
  });
  world.routeTo([{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "/base", hostHeader: "inner" }]);
  const answer = await world.exchange(`GET /x HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  match(answer, /GET \/base\/x HTTP\/1\.1\r\nHost: inner\r\n[\s\S]*X-Forwarded-Host: app\.example/);
});

test("pipelined requests are answered in their order, over one connection to the upstream", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(({ line }) => {
    const path = line.split(" ")[1] as string;
    return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`;
  });
  const paths = Array.from({ length: 50 }, (_, i) => `/page-${i}`);
  const requests = paths.map((path, i) =>
    i % 3 === 0
      ? `POST ${path} HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`
      : `GET ${path} HTTP/1.1\r\n${HOST}${i === 49 ? "Connection: close\r\n" : ""}\r\n`,
  );
  const answer = await world.exchange(requests.join(""));
  deepEqual(answer.match(/(?<=\r\n\r\n)\/page-\d+/g), paths);
  equal(seen.length, 50);
  equal(world.proxy.stats().upstreamConnections, 1);
});

test("100 Continue comes from the upstream, and only then the body is sent", async () => {
  await using world = await ProxyWorld.start();
  const seen = await world.upstream(() => OK);
  const expecting: string[] = [];
  const port = await world.listen((socket) => {
    socket.on("data", (bytes) => {
      expecting.push(bytes.toString());
      socket.write(expecting.length === 1 ? "HTTP/1.1 100 Continue\r\n\r\n" : OK);
    });
  });
  world.route(port);
  const client = await world.connect();
  client.write(`PUT / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`);
  await until(() => client.text !== "", "100 Continue");
  equal(client.text, "HTTP/1.1 100 Continue\r\n\r\n");
  match(expecting[0] as string, /\r\nExpect: 100-continue\r\n/);
  client.write("hello");
  match(await client.untilClosed(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
  equal(expecting[1], "hello");
  equal(seen.length, 0);
});

test("103 goes through before the answer, and not to HTTP/1.0", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}`);
  const answer = await world.exchange(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  match(answer, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/x>\r\n\r\nHTTP\/1\.1 200 OK/);
  match(await world.exchange(`GET / HTTP/1.0\r\n${HOST}\r\n`), /^HTTP\/1\.1 200 OK/);
});

test("a client that closes its half after the request still gets the answer", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => OK);
  const client = await world.connect();
  client.socket.end(`GET / HTTP/1.1\r\n${HOST}\r\n`);
  match(await client.untilClosed(), /Connection: close\r\n\r\nok$/);
});

test("requests that were pipelined before the client closed its half are all answered", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => OK);
  const client = await world.connect();
  const other = "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n";
  client.socket.end(`GET / HTTP/1.1\r\n${HOST}\r\n${other}${other}GET / HTTP/1.1\r\n${HOST}\r\n`);
  deepEqual((await client.untilClosed()).match(/(?<=HTTP\/1\.1 )\d+/g), ["200", "404", "404", "200"]);
});

/** A client's socket whose writes wait until they are let go, and then take what the buffers hold. */
class HeldSocket extends Socket {
  taken = "";
  readonly #waiting: (() => void)[] = [];

  #hold(parts: readonly (string | Buffer)[], done: () => void): void {
    this.#waiting.push(() => {
      this.taken += parts.map((part) => (typeof part === "string" ? part : part.toString("latin1"))).join("");
      done();
    });
  }

  override _write(chunk: string | Buffer, _: string, done: () => void): void {
    this.#hold([chunk], done);
  }

  override _writev(chunks: readonly { chunk: string | Buffer }[], done: () => void): void {
    this.#hold(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  letGo(): void {
    for (const one of this.#waiting.splice(0)) one();
  }
}

test("an answer whose end waits for a slow reader does not change when its connection serves others", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 1 });
  const seen = await world.upstream(({ line }) => {
    const body = (line.includes("/slow") ? "s" : "f").repeat(30_000);
    return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
  const slow = new HeldSocket();
  world.proxy.accept(slow, false);
  slow.push(Buffer.from(`GET /slow HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`));
  await until(() => seen.length === 1, "the upstream answers");
  // Lets go of what waits before the end of the answer; the end is held.
  while (world.records.length === 0) {
    await turn();
    if (world.records.length === 0) slow.letGo();
  }
  for (let i = 0; i < 3; i++) await world.exchange(`GET /fast HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  equal(world.proxy.stats().upstreamConnections, 1);
  slow.letGo();
  equal(slow.taken.slice(slow.taken.indexOf("\r\n\r\n") + 4), "s".repeat(30_000));
});

test("the server that took a connection counts it until its end", async () => {
  await using world = await ProxyWorld.start();
  await world.upstream(() => OK);
  const client = await world.connect();
  client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
  await until(() => client.text.endsWith("ok"), "an answer");
  let isClosed = false;
  world.stopListening(world.port, () => {
    isClosed = true;
  });
  client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
  await until(() => client.text.split("ok").length === 3, "another answer");
  equal(isClosed, false);
  client.socket.destroy();
  await until(() => isClosed, "the server closes");
});

test("many clients at once each get their own answer", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 7 });
  await world.upstream(({ line, body }) => {
    const text = `${line.split(" ")[1]} ${body}`;
    return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  });
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const answer = await world.exchange(
        `GET /${i} HTTP/1.1\r\n${HOST}\r\nPOST /${i} HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: 4\r\n\r\n${i + 1000}`,
      );
      match(answer, new RegExp(`\r\n\r\n/${i} HTTP/1\\.1 200 [\\s\\S]*\r\n\r\n/${i} ${i + 1000}$`));
    }),
  );
  const { upstreamConnections, requests, inFlight } = world.proxy.stats();
  ok(upstreamConnections <= 7);
  deepEqual({ requests, inFlight }, { requests: 400, inFlight: 0 });
  equal(new Set(world.records.map(({ id }) => id)).size, 400);
});
