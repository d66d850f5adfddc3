/** Upstreams of several backends on real sockets: who gets a request, who comes back, and what a change leaves alone. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import type { Backend, TableEntry, Upstream } from "../table.ts";

const HEAD = "GET /x HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n";

interface Cloud {
  readonly backends: Backend[];
  /** Its connections end, and nobody listens any more. */
  die(name: string): void;
  /** Requests that each has got. */
  readonly counts: Map<string, number>;
}

/** Each answers with its name, after so long. */
async function cloud(world: ProxyWorld, names: readonly string[], delayMs: (name: string) => number = () => 0) {
  const counts = new Map(names.map((name) => [name, 0]));
  const answer = (socket: Socket, name: string) => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    setTimeout(() => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`), delayMs(name));
  };
  const ports: number[] = [];
  const sockets = new Map<string, Socket[]>(names.map((name) => [name, []]));
  for (const name of names) {
    const onSocket = (socket: Socket) => {
      sockets.get(name)?.push(socket);
      socket.on("data", () => answer(socket, name));
    };
    ports.push(await world.listen(onSocket));
  }
  const backends = names.map((name, at): Backend => {
    return { ...{ kind: "tcp", host: "127.0.0.1", port: ports[at] ?? 0, tls: false, basePath: "" }, name };
  });
  const die = (name: string) => {
    world.stopListening(ports[names.indexOf(name)] ?? 0);
    for (const socket of sockets.get(name) ?? []) socket.destroy();
  };
  return { backends, counts, die } satisfies Cloud;
}

function entry(backends: readonly Backend[], more: Partial<Upstream> = {}, id = "route"): TableEntry {
  return {
    id,
    host: id === "route" ? "app.example" : id,
    path: "/",
    upstream: { id: "u", backends, reach: "any", ...more },
  };
}

async function ask(world: ProxyWorld, lines = ""): Promise<{ name: string; cookie: string | undefined; text: string }> {
  const text = await world.exchange(`${HEAD}${lines}\r\n`);
  const cookie = /^set-cookie: (.*)\r$/im.exec(text)?.[1];
  return { name: text.split("\r\n\r\n")[1] ?? "", cookie, text };
}

async function spread(world: ProxyWorld, requests: number, lines: (n: number) => string = () => "") {
  const counts: Record<string, number> = {};
  for (let n = 0; n < requests; n++) {
    const { name } = await ask(world, lines(n));
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test("weights, no weight and a drained backend: as declared, through a real gateway", async () => {
  await using world = await ProxyWorld.start();
  const { backends } = await cloud(world, ["a", "b", "c", "none", "drained"]);
  const weights = [1, 2, 4, 0, 9];
  const weighed = backends.map((one, at): Backend => {
    return { ...one, weight: weights[at] ?? 1, ...(one.name === "drained" ? { drain: true } : {}) };
  });
  for (const method of ["round-robin", "least-connections"] as const) {
    world.setEntries([entry(weighed, { balance: { method } })]);
    deepEqual(await spread(world, 70), { a: 10, b: 20, c: 40 }, method);
  }
  world.setEntries([entry(weighed, { balance: { method: "random" } })]);
  const random = await spread(world, 140);
  deepEqual(Object.keys(random).sort(), ["a", "b", "c"]);
  ok((random["c"] ?? 0) > (random["a"] ?? 0), JSON.stringify(random));
});

test("a backend that answers slowly gets fewer, by requests in flight and by response time", async () => {
  for (const method of ["least-connections", "response-time"] as const) {
    await using world = await ProxyWorld.start();
    const { backends, counts } = await cloud(world, ["slow", "b", "c"], (name) => (name === "slow" ? 200 : 1));
    world.setEntries([entry(backends, { balance: { method } })]);
    const lane = async () => {
      for (let n = 0; n < 10; n++) await ask(world);
    };
    await Promise.all([lane(), lane(), lane(), lane(), lane(), lane()]);
    ok((counts.get("slow") ?? 0) < 12, `${method}: ${[...counts]}`);
    ok((counts.get("slow") ?? 0) > 0);
  }
});

test("hash: what is alike goes to one backend, rings are made when membership changes and not else", async () => {
  await using world = await ProxyWorld.start();
  const { backends } = await cloud(world, ["a", "b", "c", "d"]);
  const balance = { method: "hash", on: "header", name: "x-user" } as const;
  const owners = async () => {
    const names: string[] = [];
    for (let n = 0; n < 40; n++) names.push((await ask(world, `X-User: u${n}\r\n`)).name);
    return names;
  };
  const builds = () => world.proxy.stats().ringBuilds;
  world.setEntries([entry(backends, { balance })]);
  const before = await owners();
  deepEqual(await owners(), before);
  ok(new Set(before).size === 4, "all have some");
  equal(builds(), 1);
  // Another route to it, other cookies, other tables: the same circle.
  world.setEntries([entry(backends, { balance }), entry(backends, { balance }, "other.example")]);
  world.setEntries([entry(backends, { balance, sticky: { by: "cookie", name: "s" } })]);
  deepEqual(await owners(), before);
  equal(builds(), 1);
  world.setEntries([entry(backends.slice(0, 3), { balance })]);
  const after = await owners();
  equal(builds(), 2);
  deepEqual(
    after.filter((name, n) => name !== before[n] && before[n] !== "d"),
    [],
    "only keys of the one that went have moved",
  );
  // Who has no such header takes turns.
  deepEqual(await spread(world, 6), { a: 2, b: 2, c: 2 });
  for (const [on, name, lines] of [
    ["client", undefined, ""],
    ["path", undefined, ""],
    ["cookie", "sid", "Cookie: x=1; sid=7\r\n"],
  ] as const) {
    world.setEntries([entry(backends, { balance: { method: "hash", on, ...(name === undefined ? {} : { name }) } })]);
    equal(Object.keys(await spread(world, 8, () => lines)).length, 1, on);
  }
});

test("B6: clients with a cookie stay, and move once when theirs has died or is drained", async () => {
  await using world = await ProxyWorld.start();
  const { backends, die } = await cloud(world, ["a", "b", "c", "d"]);
  const sticky = { by: "cookie", name: "skerry-u", ttlSeconds: 60 } as const;
  world.setEntries([entry(backends, { sticky })]);
  const clients = await Promise.all(Array.from({ length: 100 }, () => ask(world)));
  for (const { cookie } of clients) {
    match(cookie ?? "", /^skerry-u=[\w-]{22}; Path=\/; Max-Age=60; HttpOnly; SameSite=Lax$/);
  }
  const lineOf = (cookie: string | undefined) => `Cookie: other=1; ${cookie?.split(";")[0]}\r\n`;
  for (const { name, cookie } of clients) {
    const again = await ask(world, lineOf(cookie));
    deepEqual([again.name, again.cookie], [name, undefined]);
  }
  // Drained: its clients go elsewhere, and stay there; the others do not notice.
  const drained = backends.map((one): Backend => (one.name === "a" ? { ...one, drain: true } : one));
  world.setEntries([entry(drained, { sticky })]);
  // Dead: the same.
  die("b");
  let moved = 0;
  for (const { name, cookie } of clients) {
    const next = await ask(world, lineOf(cookie));
    if (name === "c" || name === "d") deepEqual([next.name, next.cookie], [name, undefined]);
    else {
      moved++;
      ok(next.name === "c" || next.name === "d", next.name);
      const settled = await ask(world, lineOf(next.cookie));
      deepEqual([settled.name, settled.cookie], [next.name, undefined]);
    }
  }
  equal(moved, clients.filter(({ name }) => name === "a" || name === "b").length);
  ok(moved > 0);
});

test("a cookie that nobody gave, or of another upstream, leads nowhere in particular and is replaced", async () => {
  await using world = await ProxyWorld.start();
  const { backends } = await cloud(world, ["a", "b"]);
  const sticky = { by: "cookie", name: "s" } as const;
  world.setEntries([
    { ...entry(backends, { sticky }), upstream: { ...entry(backends, { sticky }).upstream, id: "other" } },
  ]);
  const { cookie: foreign } = await ask(world);
  world.setEntries([entry(backends, { sticky })]);
  for (const value of [foreign?.split(";")[0] ?? "", "s=a", "s=b", "s=", `s=${"A".repeat(22)}`]) {
    const names = new Set<string>();
    for (let n = 0; n < 4; n++) {
      const { name, cookie } = await ask(world, `Cookie: ${value}\r\n`);
      names.add(name);
      match(cookie ?? "", /^s=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/, value);
    }
    deepEqual([...names].sort(), ["a", "b"], value);
  }
});

test("by a header clients stay while their backend is there", async () => {
  await using world = await ProxyWorld.start();
  const { backends, die } = await cloud(world, ["a", "b", "c"]);
  world.setEntries([entry(backends, { sticky: { by: "header", name: "x-session" } })]);
  const names: string[] = [];
  for (let n = 0; n < 30; n++) names.push((await ask(world, `X-Session: s${n}\r\n`)).name);
  equal(new Set(names).size, 3);
  for (let n = 0; n < 30; n++) equal((await ask(world, `X-Session: s${n}\r\n`)).name, names[n]);
  die("a");
  for (let n = 0; n < 30; n++) {
    const { name } = await ask(world, `X-Session: s${n}\r\n`);
    if (names[n] === "a") ok(name === "b" || name === "c", name);
    else equal(name, names[n]);
  }
});

test("requests under way at a backend that is drained come to their end", async () => {
  await using world = await ProxyWorld.start();
  const { backends, counts } = await cloud(world, ["a", "b"], (name) => (name === "a" ? 300 : 0));
  world.setEntries([entry(backends)]);
  const slow = ask(world);
  await until(() => counts.get("a") === 1, "the first is at a");
  world.setEntries([entry(backends.map((one): Backend => (one.name === "a" ? { ...one, drain: true } : one)))]);
  deepEqual(await spread(world, 4), { b: 4 });
  equal((await slow).name, "a");
  world.setEntries([entry(backends.map((one): Backend => ({ ...one, drain: true })))]);
  match((await ask(world)).text, /^HTTP\/1\.1 502 /);
});

test("of one upstream each backend has its own reach: what may go anywhere opens no door for the others", async () => {
  await using world = await ProxyWorld.start();
  const { backends, counts } = await cloud(world, ["any", "restricted"]);
  const reaching = backends.map((one): Backend => (one.name === "any" ? { ...one, reach: "any" } : one));
  world.setEntries([entry(reaching, { reach: "restricted" })]);
  const statuses: string[] = [];
  for (let n = 0; n < 4; n++) statuses.push((await ask(world)).text.slice(9, 12));
  // Who was refused comes last for a while.
  deepEqual(statuses.sort(), ["200", "200", "200", "403"]);
  equal(counts.get("restricted"), 0);
});

test("what is known of backends outlives changes of their upstream, and goes with the last route to it", async () => {
  await using world = await ProxyWorld.start();
  const { backends } = await cloud(world, ["a", "b"]);
  const requests = () => {
    const { u = {} } = world.proxy.upstreamNews(10);
    return Object.fromEntries(Object.entries(u).map(([name, counters]) => [name, counters.requests]));
  };
  world.setEntries([entry(backends)]);
  await spread(world, 4);
  deepEqual(requests(), { a: 2, b: 2 });
  deepEqual(requests(), {}, "told once");
  const weighed = backends.map((one): Backend => (one.name === "a" ? { ...one, weight: 3 } : one));
  world.setEntries([entry(weighed, { balance: { method: "random" } }), entry(weighed, {}, "other.example")]);
  await spread(world, 1);
  equal(Object.values(requests())[0], 3, "counted on from two");
  world.setEntries([]);
  world.setEntries([entry(backends)]);
  await spread(world, 2);
  deepEqual(requests(), { a: 1, b: 1 });
});

test("connections of backends are told while they are open, busy and idle apart, and those that could not be made", async () => {
  await using world = await ProxyWorld.start();
  const sockets: Socket[] = [];
  const port = await world.listen((socket) => void socket.on("data", () => sockets.push(socket)));
  const place = { kind: "tcp", host: "127.0.0.1", tls: false, basePath: "" } as const;
  const dead = { ...place, port: 1, name: "dead" };
  world.setEntries([entry([{ ...place, port, name: "a" }, dead])]);
  const known = new Map<string, readonly number[]>();
  const news = () => {
    for (const [name, told] of Object.entries(world.proxy.upstreamNews(10)["u"] ?? {})) {
      known.set(name, [told.connections, told.idleConnections, told.connectFailures]);
    }
    return known;
  };
  const clients = await Promise.all([world.connect(), world.connect()]);
  for (const client of clients) client.write("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
  await until(() => sockets.length === 2, "both are asked for");
  deepEqual(news().get("a"), [2, 0, 0]);
  deepEqual(news().get("dead"), [0, 0, 1]);
  sockets[0]?.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await until(() => news().get("a")?.[1] === 1, "one is idle");
  deepEqual(known.get("a"), [2, 1, 0]);
  for (const socket of sockets) socket.destroy();
  await until(() => news().get("a")?.[0] === 0, "none is left");
});

test("a WebSocket sticks too, and a request that is sent again to another backend sticks to that one", async () => {
  await using world = await ProxyWorld.start();
  const { backends, die } = await cloud(world, ["a", "b"]);
  const sticky = { by: "cookie", name: "s" } as const;
  const port = await world.listen((socket) =>
    socket.on("data", () =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ),
  );
  const [a] = backends as [Extract<Backend, { kind: "tcp" }>];
  world.setEntries([entry([{ ...a, port }], { sticky })]);
  const client = await world.connect();
  client.write(
    "GET /chat HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
  );
  await until(() => /\r\n\r\n/.test(client.text), "the switch");
  match(client.text, /^HTTP\/1\.1 101 [\s\S]*\r\nSet-Cookie: s=[\w-]{22}; Path=\//);

  const route = { ...entry(backends, { sticky }), retries: { attempts: 1, backoffMs: 0 } };
  world.setEntries([route]);
  const cookies = new Map<string, string>();
  while (cookies.size < 2) {
    const { name, cookie } = await ask(world);
    cookies.set(name, cookie?.split(";")[0] ?? "");
  }
  die("a");
  const { name, cookie } = await ask(world, `Cookie: ${cookies.get("a")}\r\n`);
  deepEqual([name, cookie?.split(";")[0]], ["b", cookies.get("b")]);
});

test("whatever becomes of requests, none stays in flight: a backend would look busy for ever", async () => {
  await using world = await ProxyWorld.start({
    ...{ upstreamHeadMs: 150, connectMs: 150, connectionMs: 300, halfClosedMs: 100, clientBodyIdleMs: 200 },
  });
  const kinds: readonly ((socket: Socket) => void)[] = [
    (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    (socket) => socket.destroy(),
    () => undefined,
    (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok") && socket.end(),
    (socket) => socket.write("nonsense\r\n\r\n"),
    (socket) => socket.write("HTTP/1.1 100 Continue\r\n\r\n"),
    (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
  ];
  const backends: Backend[] = [];
  for (const [at, answer] of kinds.entries()) {
    const port = await world.listen((socket) => socket.on("data", () => answer(socket)));
    backends.push({ ...{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }, name: `b${at}` });
  }
  backends.push({ ...{ kind: "tcp", host: "127.0.0.1", port: 1, tls: false, basePath: "" }, name: "dead" });
  world.setEntries([
    entry(backends),
    { ...entry(backends, {}, "again.example"), retries: { attempts: 2, backoffMs: 1, budgetPercent: 100 } },
  ]);
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
  const one = async (n: number) => {
    const client = await world.connect();
    const host = n % 2 === 0 ? "app.example" : "again.example";
    const body = n % 5 === 0 ? "Content-Length: 4\r\nConnection: close\r\n\r\nab" : "Connection: close\r\n\r\n";
    client.write(`${n % 5 === 0 ? "POST" : "GET"} / HTTP/1.1\r\nHost: ${host}\r\n${n % 7 === 0 ? upgrade : body}`);
    if (n % 3 === 0) setTimeout(() => client.socket.destroy(), n % 40);
    else setTimeout(() => client.socket.destroy(), 400);
    await client.untilClosed().catch(() => undefined);
  };
  await Promise.all(Array.from({ length: 160 }, (_, n) => one(n)));
  await until(() => world.proxy.stats().inFlight === 0, "all requests are over");
  const { u = {} } = world.proxy.upstreamNews(10);
  equal(Object.keys(u).length, backends.length, "all were asked");
  for (const [name, { inFlight, requests }] of Object.entries(u)) equal(inFlight, 0, `${name} of ${requests}`);
});
