/** Backends that are asked whether they are well, on connections of their own. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import type { HealthSpec } from "../../domain/upstream-care.ts";
import {
  ask,
  type Seen,
  startBackend,
  type TestBackend,
  VERSIONS,
  type Version,
} from "../../testing/delivery-world.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

const QUICK: HealthSpec = { path: "/healthz", intervalMs: 20, timeoutMs: 5000, healthy: 1, unhealthy: 2 };

function route(world: ProxyWorld, backends: readonly TestBackend[], health: HealthSpec): void {
  const named = backends.map(({ backend }, at) => ({ ...backend, name: `b${at}` }));
  const upstream = { id: "upstream", backends: named, reach: "any", care: { health } } as const;
  world.setEntries([{ id: "route", host: "app.example", path: "/", upstream }]);
}

interface Well {
  isWell: boolean;
  probes: number;
}

/** Answers requests, and probes as it is told. */
async function backendOf(world: ProxyWorld, version: Version, well: Well, answer: (seen: Seen) => void) {
  return await startBackend(world, version, (seen) => {
    if (seen.path !== "/healthz") return answer(seen);
    well.probes++;
    seen.answer(well.isWell ? 200 : 503);
  });
}

const conditionsOf = (world: ProxyWorld) => world.proxy.conditions()["upstream"] ?? {};

for (const version of VERSIONS) {
  describe(`backends that speak ${version}`, () => {
    test("one that fails its checks gets no requests until it passes them again", async () => {
      await using world = await ProxyWorld.start();
      const wells = [0, 1].map((): Well => ({ isWell: true, probes: 0 }));
      const [first, second] = wells as [Well, Well];
      const backends = await Promise.all(
        wells.map((well, at) => backendOf(world, version, well, ({ answer }) => answer(200, `${at}`))),
      );
      route(world, backends, QUICK);
      await until(() => first.probes > 1 && second.probes > 1, "both are asked before any request");
      first.isWell = false;
      await until(() => conditionsOf(world)["b0"]?.condition === "unhealthy", "it is found");
      equal(conditionsOf(world)["b0"]?.why, "status 503");
      for (let at = 0; at < 6; at++) equal((await ask(world, "http/1.1")).body, "1");
      second.isWell = false;
      await until(() => Object.keys(conditionsOf(world)).length === 2, "both are found");
      const got = await ask(world, "http/1.1");
      deepEqual([got.status, got.reason], [503, "unavailable/unhealthy"]);
      first.isWell = true;
      await until(() => conditionsOf(world)["b0"] === undefined, "it is back");
      equal((await ask(world, "http/1.1")).body, "0");
      const { b0, b1 } = world.proxy.upstreamNews(1)["upstream"] ?? {};
      ok(b0 !== undefined && b1 !== undefined && b0.checksPassed > 1 && b0.checksFailed > 1);
      const [told, asked] = [b0.checksPassed + b0.checksFailed, first.probes];
      ok(asked - told <= 1, `${told} of ${asked} checks are counted`);
    });
  });
}

test("while all connections of traffic are taken, probes pass: they have connections of their own", async () => {
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 2, maxWaiting: 4 });
  const held: Seen[] = [];
  const well = { isWell: true, probes: 0 };
  const backend = await backendOf(world, "http/1.1", well, (seen) => void held.push(seen));
  route(world, [backend], { ...QUICK, timeoutMs: 1000 });
  const waiting = Array.from({ length: 6 }, () => ask(world, "http/1.1"));
  await until(() => held.length === 2 && world.proxy.stats().inFlight === 6, "they are taken, and others wait");
  equal((await ask(world, "http/1.1")).reason, "exhausted/overload");
  const before = well.probes;
  await until(() => well.probes >= before + 5, "probes go on");
  deepEqual(conditionsOf(world), {});
  const taken = new Set(held.map(({ socket }) => socket));
  ok(backend.seen.filter(({ path }) => path === "/healthz").every(({ socket }) => !taken.has(socket)));
  let answered = 0;
  await until(() => {
    while (answered < held.length) held[answered++]?.answer(200);
    return answered === 6;
  }, "it answers after all");
  for (const { status } of await Promise.all(waiting)) equal(status, 200);
});

test("a backend that dies under load: no request fails once its death was found", async () => {
  await using world = await ProxyWorld.start();
  const dying = await startBackend(world, "http/1.1", ({ answer }) => answer(200));
  const staying = await startBackend(world, "http/1.1", ({ answer }) => answer(200));
  // A connection is enough.
  const { path: _path, ...tcp } = QUICK;
  route(world, [dying, staying], tcp);
  let isOver = false;
  let isFound = false;
  const late: number[] = [];
  const load = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const wasFound = isFound;
      const { status } = await ask(world, "http/1.1");
      if (wasFound) late.push(status);
    }
  });
  await until(() => dying.seen.length > 20, "both serve");
  world.stopListening(dying.port);
  for (const { socket } of dying.seen) socket.destroy();
  await until(() => conditionsOf(world)["b0"]?.condition === "unhealthy", "it is found");
  isFound = true;
  await until(() => late.length > 100, "requests after it");
  isOver = true;
  await Promise.all(load);
  deepEqual([...new Set(late)], [200]);
});

test("one that answers nothing in time is unhealthy; checks end with their upstream", async () => {
  await using world = await ProxyWorld.start();
  const stuck = await startBackend(world, "http/1.1", () => undefined);
  route(world, [stuck], { ...QUICK, timeoutMs: 100 });
  await until(() => conditionsOf(world)["b0"]?.why === "no answer within 100 ms", "it is found");
  world.setEntries([]);
  deepEqual(world.proxy.conditions(), {});
  const { probes } = world.proxy.stats();
  await new Promise((resolve) => setTimeout(resolve, 200));
  equal(world.proxy.stats().probes, probes);
});
