/** Bodies, heads and requests at once: bounds of a route, below those of the gateway. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { test } from "node:test";
import type { RouteLimits } from "../../domain/route-limits.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import { InFlight } from "./in-flight.ts";

const HOST = "Host: app.example\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET = `GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;

/** What the upstream has got of each connection, as it came. */
async function limited(limits: RouteLimits, answer: (text: string) => string | undefined = () => OK) {
  const world = await ProxyWorld.start();
  const got: { text: string; isOver: boolean }[] = [];
  const port = await world.listen((socket) => {
    const one = { text: "", isOver: false };
    got.push(one);
    socket.on("data", (bytes: Buffer) => {
      one.text += bytes.toString("latin1");
      const text = answer(one.text);
      if (text !== undefined) socket.write(text);
    });
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      one.isOver = true;
    });
  });
  const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }] as const;
  const entry = {
    id: "r",
    host: "app.example",
    path: "/",
    upstream: { backends, reach: "any" },
    guard: { limits },
  } as const;
  world.setEntries([entry]);
  return { world, got };
}

const chunked = (...parts: readonly string[]): string =>
  `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`;
/** It waits for the whole body. */
const whenWhole = (text: string): string | undefined =>
  text.endsWith("0\r\n\r\n") || /Content-Length: 8\r\n[\s\S]*\r\n\r\n.{8}$/i.test(text) ? OK : undefined;

test("a body whose length is said is refused at once, and nothing of it goes to the upstream", async () => {
  const { world, got } = await limited({ maxBodyBytes: 8 }, whenWhole);
  await using _ = world;
  const post = (length: number) => `POST / HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\nConnection: close\r\n\r\n`;
  match(
    await world.exchange(`${post(9)}123456789`),
    /^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n[\s\S]*"reason":"too-large"/,
  );
  match(await world.exchange(`${post(1e12)}`), /^HTTP\/1\.1 413 /);
  equal(got.length, 0);
  match(await world.exchange(`${post(8)}12345678`), /^HTTP\/1\.1 200 /);
});

test("a body in chunks is refused before the chunk that is too much; the upstream never sees its end", async () => {
  const { world, got } = await limited({ maxBodyBytes: 8 }, whenWhole);
  await using _ = world;
  match(await world.exchange(chunked("1234", "5678")), /^HTTP\/1\.1 200 /);
  match(await world.exchange(chunked(..."12345678")), /^HTTP\/1\.1 200 /, "how it is cut says nothing");
  match(await world.exchange(chunked("1234", "56789")), /^HTTP\/1\.1 413 /);
  const slow = await world.connect();
  const [first = "", rest = ""] = chunked("12345678", "9", "and more").split("1\r\n9");
  slow.write(first);
  await until(() => got.some(({ text }) => text.endsWith("12345678\r\n")), "the upstream has the beginning");
  slow.write(`1\r\n9${rest}`);
  match(await slow.untilClosed(), /^HTTP\/1\.1 413 /);
  await until(
    () => got.every(({ isOver, text }) => isOver || whenWhole(text) !== undefined),
    "the broken ones are over",
  );
  const broken = got.filter(({ text }) => whenWhole(text) === undefined);
  ok(broken.length >= 1);
  for (const { text } of broken) {
    // Connections are used again: the last request of each is what was broken off.
    const last = text.slice(text.lastIndexOf("POST / "));
    ok(!/9|0\r\n\r\n/.test(last.slice(last.indexOf("\r\n\r\n") + 4)), text);
  }
});

async function statusOf(session: ClientHttp2Session, headers: Record<string, string>, parts: readonly string[]) {
  const stream = session.request({ ":authority": "app.example", ...headers }, { endStream: parts.length === 0 });
  stream.on("error", () => undefined);
  const answer = once(stream, "response") as Promise<[Record<string, number>]>;
  for (const [at, part] of parts.entries()) at < parts.length - 1 ? stream.write(part) : stream.end(part);
  const [head] = await answer;
  stream.resume();
  return head[":status"];
}

test("clients of HTTP/2: with a length, and without one", async () => {
  const { world, got } = await limited({ maxBodyBytes: 8, maxHeaderBytes: 200 }, whenWhole);
  await using _ = world;
  const session = connect(`http://127.0.0.1:${world.port}`);
  const post = { ":method": "POST" };
  equal(await statusOf(session, { ...post, "content-length": "9" }, ["123456789"]), 413);
  equal(got.length, 0);
  equal(await statusOf(session, post, ["1234", "5678"]), 200);
  equal(await statusOf(session, post, ["1234", "56789"]), 413);
  equal(await statusOf(session, { "x-large": "y".repeat(200) }, []), 431);
  session.destroy();
  ok(got.every(({ text }) => !text.includes("9\r\n")));
});

test("a head beyond the route's limit is refused; one of the gateway's own limits still is", async () => {
  const { world, got } = await limited({ maxHeaderBytes: 100 });
  await using _ = world;
  const get = (count: number) => `GET / HTTP/1.1\r\n${HOST}X-Large: ${"y".repeat(count)}\r\nConnection: close\r\n\r\n`;
  match(await world.exchange(get(200)), /^HTTP\/1\.1 431 [\s\S]*"reason":"headers"/);
  match(
    await world.exchange(`GET /${"y".repeat(100)} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  equal(got.length, 0);
  match(await world.exchange(get(10)), /^HTTP\/1\.1 200 /);
});

test("so many requests at once, and of one client; those that end, or whose client goes away, make room", async () => {
  for (const [limits, refused] of [
    [{ inFlight: 2 }, /^HTTP\/1\.1 503 [\s\S]*Retry-After: 1\r\n[\s\S]*"reason":"overload"/],
    [{ inFlightPerClient: 2 }, /^HTTP\/1\.1 429 [\s\S]*Retry-After: 1\r\n[\s\S]*"reason":"rate"/],
  ] as const) {
    let isOpen = false;
    const { world, got } = await limited(limits, () => (isOpen ? OK : undefined));
    await using _ = world;
    const waiting = [await world.connect(), await world.connect()];
    for (const client of waiting) client.write(GET);
    await until(() => got.length === 2, "two are in flight");
    for (let i = 0; i < 5; i++) match(await world.exchange(GET), refused);
    equal(got.length, 2);
    waiting[0]?.socket.resetAndDestroy();
    await until(() => world.proxy.stats().inFlight === 1, "one has gone");
    isOpen = true;
    for (let i = 0; i < 5; i++) match(await world.exchange(GET), /^HTTP\/1\.1 200 /);
  }
});

test("workers share what a route takes; what is held is counted once and forgotten", () => {
  const one = new InFlight(3);
  const held = Array.from({ length: 4 }, () => one.take("r", { inFlight: 10 }, "192.0.2.1"));
  equal(one.take("r", { inFlight: 10 }, "192.0.2.1"), "route");
  ok(typeof one.take("other", { inFlight: 1 }, "192.0.2.1") !== "string");
  for (const taken of held) if (typeof taken !== "string") one.release(taken);
  ok(typeof one.take("r", { inFlight: 10 }, "192.0.2.1") !== "string");
  const both = { inFlight: 30, inFlightPerClient: 1 };
  deepEqual(
    ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map((ip) => typeof one.take("s", both, ip) === "string"),
    [false, true, false],
  );
});
