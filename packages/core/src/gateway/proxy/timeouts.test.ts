/** What a route says of time holds for it alone, whatever is spoken on either side. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { RouteTimeouts } from "../../domain/route-delivery.ts";
import { ask, type Seen, startBackend, VERSIONS, type Version } from "../../testing/delivery-world.ts";
import { ProxyWorld, until, untilStill } from "../../testing/proxy-world.ts";
import type { Backend } from "../table.ts";

/** `app.example` has the timeouts, `calm.example` leads to the same and has none. */
function routeBoth(world: ProxyWorld, backend: Backend, timeouts: RouteTimeouts): void {
  const upstream = { backends: [backend], reach: "any" } as const;
  world.setEntries([
    { id: "hasty", host: "app.example", path: "/", upstream, timeouts },
    { id: "calm", host: "calm.example", path: "/", upstream },
  ]);
}

async function hasty(timeouts: RouteTimeouts, version: Version, onAsked: (seen: Seen) => void, world: ProxyWorld) {
  const backend = await startBackend(world, version, onAsked);
  routeBoth(world, backend.backend, timeouts);
  return backend;
}

for (const upstream of VERSIONS) {
  for (const client of VERSIONS) {
    describe(`${client} to ${upstream}`, () => {
      test("no head in time is 504; a route without the timeout waits on for the same backend", async () => {
        await using world = await ProxyWorld.start();
        const { seen } = await hasty({ headMs: 50 }, upstream, () => undefined, world);
        const calm = ask(world, client, { host: "calm.example", path: "/calm" });
        await until(() => seen.length === 1, "the other waits");
        const got = await ask(world, client);
        deepEqual([got.status, got.reason], [504, "unavailable/head-timeout"]);
        seen[0]?.answer(200, "late");
        equal((await calm).body, "late");
        equal(world.records[0]?.error, "unavailable/head-timeout");
      });

      test("a body that stands still is cut off", async () => {
        await using world = await ProxyWorld.start();
        await hasty({ bodyMs: 50 }, upstream, ({ begin }) => begin(200), world);
        const got = await ask(world, client);
        equal(got.status, 200);
        ok(got.isBroken);
        await until(() => world.records[0]?.error === "unavailable/body-timeout", "a record");
      });

      test("all of it has a bound, however much goes on within", async () => {
        await using world = await ProxyWorld.start();
        await hasty({ totalMs: 50, headMs: 60_000 }, upstream, () => undefined, world);
        const got = await ask(world, client);
        deepEqual([got.status, got.reason], [504, "unavailable/total-timeout"]);
      });
    });
  }
}

test("an answer that goes on and on ends with the time for all of it", async () => {
  await using world = await ProxyWorld.start();
  const drips: NodeJS.Timeout[] = [];
  const port = await world.listen((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
      drips.push(setInterval(() => socket.write("x"), 5));
    });
  });
  routeBoth(
    world,
    { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" },
    { totalMs: 100, bodyMs: 60_000 },
  );
  const got = await ask(world, "http/1.1");
  for (const drip of drips) clearInterval(drip);
  ok(got.isBroken);
  equal(world.records[0]?.error, "unavailable/total-timeout");
});

test("a request never has less time than its route gives, however coarse the clock is that looks", async () => {
  await using world = await ProxyWorld.start({ sweepEveryMs: 1000 });
  await hasty({ headMs: 900 }, "http/1.1", ({ answer }) => setTimeout(() => answer(200, "in time"), 250), world);
  // They begin everywhere between two looks.
  const asked = Array.from({ length: 11 }, async (_, at) => {
    await new Promise((resolve) => setTimeout(resolve, 100 * at));
    return (await ask(world, "http/1.1")).status;
  });
  deepEqual(await Promise.all(asked), new Array(11).fill(200));
});

test("a connection that nobody gives is waited for as long as the route says", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 1 });
  const { seen } = await hasty({ connectMs: 50 }, "http/1.1", () => undefined, world);
  const calm = ask(world, "http/1.1", { host: "calm.example" });
  await until(() => seen.length === 1, "the only connection is taken");
  const got = await ask(world, "http/1.1");
  deepEqual([got.status, got.reason], [504, "unavailable/connect-timeout"]);
  seen[0]?.answer(200, "calm");
  equal((await calm).body, "calm");
});

test("an upstream that takes no more of a body is given up in its time, as 504", async () => {
  await using world = await ProxyWorld.start({ clientBodyIdleMs: 60_000 });
  const port = await world.listen((socket) => void socket.pause());
  routeBoth(world, { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }, { bodyMs: 100 });
  const client = await world.connect();
  client.write(`POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`);
  const block = "x".repeat(65_536);
  const send = (): void => {
    while (!client.isClosed && client.socket.write(block));
  };
  client.socket.on("drain", send);
  send();
  await until(() => world.records.length > 0, "a record");
  equal(world.records[0]?.error, "unavailable/body-timeout");
  client.socket.destroy();
});

test("a tunnel has no bound for all of it", async () => {
  await using world = await ProxyWorld.start();
  const port = await world.listen((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      socket.on("data", (bytes) => socket.write(bytes));
    });
  });
  routeBoth(world, { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }, { totalMs: 60 });
  const client = await world.connect();
  client.write("GET / HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  await until(() => client.text.endsWith("\r\n\r\n"), "it is open");
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.write("still there");
  await until(() => client.text.endsWith("still there"), "an echo");
});

test("an upstream that has taken what it stood still for leaves the client its own time for the rest", async () => {
  let nowMs = 1000;
  await using world = await ProxyWorld.start({}, { monotonicMs: () => nowMs });
  const folder = await mkdtemp(join(tmpdir(), "skerry-timeouts-"));
  const sockets: Socket[] = [];
  let taken = 0;
  // What a unix socket keeps is the same everywhere: of many sizes the last piece of one is what it does not take.
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("data", (bytes: Buffer) => {
      taken += bytes.length;
      if (bytes.at(-1) === END) socket.end("HTTP/1.1 200 OK\r\n\r\nok");
    });
    socket.pause();
    socket.on("error", () => undefined);
  });
  try {
    const path = join(folder, "s");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    world.routeTo([{ kind: "unix", path, basePath: "" }], {}, { timeouts: { bodyMs: 400 } });
    const clients = await Promise.all(Array.from({ length: 40 }, () => world.connect()));
    for (const [at, client] of clients.entries()) {
      const bytes = 8192 * at;
      client.write(`POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: ${bytes + 1}\r\n\r\n`);
      for (let sent = 0; sent < bytes; sent += 8192) client.write("x".repeat(8192));
    }
    await until(() => sockets.length === clients.length, "all are connected");
    // Time enough for the gateway to fill them; its clock stands still.
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const socket of sockets) socket.resume();
    await until(() => taken > (8192 * clients.length * (clients.length - 1)) / 2, "the upstream has what was sent");
    await untilStill(() => taken);
    nowMs += 1000;
    // It looks at the time.
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const client of clients) client.socket.write(Buffer.of(END));
    for (const client of clients) {
      await until(() => client.text.includes("\r\n\r\n"), "an answer");
      match(client.text, /^HTTP\/1\.1 200/);
    }
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
    await rm(folder, { recursive: true, force: true });
  }
});

const END = 33;
