/** Upstreams whose backends fail: breakers, ejection, and what is answered when nobody is left. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { RouteRetries } from "../../domain/route-delivery.ts";
import type { UpstreamCare } from "../../domain/upstream-care.ts";
import { ask, type Seen, startBackend, type TestBackend } from "../../testing/delivery-world.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";

async function upstreamOf(
  world: ProxyWorld,
  care: UpstreamCare,
  answers: readonly ((seen: Seen) => void)[],
  retries?: RouteRetries,
): Promise<TestBackend[]> {
  const backends = await Promise.all(answers.map((answer) => startBackend(world, "http/1.1", answer)));
  const named = backends.map(({ backend }, at) => ({ ...backend, name: `b${at}` }));
  const upstream = { id: "upstream", backends: named, reach: "any", care } as const;
  world.setEntries([{ id: "route", host: "app.example", path: "/", upstream, ...(retries && { retries }) }]);
  return backends;
}

const get = async (world: ProxyWorld) => (await ask(world, "http/1.1")).status;

test("a backend that fails gets no requests while its breaker is open, one when it is half open, all when that succeeds", async () => {
  await using world = await ProxyWorld.start();
  let isGood = false;
  let isStuck = false;
  const held: Seen[] = [];
  const [backend] = await upstreamOf(world, { breaker: { failures: 3, openMs: 300, maxOpenMs: 300 } }, [
    (seen) => {
      if (isStuck) held.push(seen);
      else seen.answer(isGood ? 200 : 500);
    },
  ]);
  for (let at = 0; at < 3; at++) equal(await get(world), 500);
  const shut = await ask(world, "http/1.1");
  deepEqual([shut.status, shut.reason], [503, "unavailable/breaker"]);
  match(String(shut.headers["retry-after"]), /^[1-9]\d*$/);
  equal(backend?.seen.length, 3);
  isStuck = true;
  const probing: Promise<number>[] = [];
  await until(() => {
    probing.push(get(world));
    return held.length > 0;
  }, "a probe");
  await Promise.all([get(world), get(world)]).then((statuses) => deepEqual(statuses, [503, 503]));
  equal(held.length, 1);
  isStuck = false;
  isGood = true;
  held[0]?.answer(200);
  const statuses = await Promise.all(probing);
  equal(statuses.filter((status) => status === 200).length, 1);
  for (let at = 0; at < 5; at++) equal(await get(world), 200);
});

test("with another backend nobody sees that one has failed", async () => {
  await using world = await ProxyWorld.start();
  const [bad, good] = await upstreamOf(
    world,
    { breaker: { failures: 2, openMs: 60_000, maxOpenMs: 60_000 } },
    [({ socket }) => void socket.destroy(), ({ answer }) => answer(200)],
    { attempts: 1, backoffMs: 0, budgetPercent: 100 },
  );
  for (let at = 0; at < 20; at++) equal(await get(world), 200);
  equal(bad?.seen.length, 2);
  equal(good?.seen.length, 20);
});

test("of backends that all fail one is ejected, the others still asked", async () => {
  await using world = await ProxyWorld.start();
  const backends = await upstreamOf(world, { ejection: { failures: 1, baseMs: 60_000, maxPercent: 100 } }, [
    ({ answer }) => answer(503),
    ({ answer }) => answer(503),
  ]);
  for (let at = 0; at < 10; at++) equal(await get(world), 503);
  deepEqual(
    backends.map(({ seen }) => seen.length).toSorted((a, b) => a - b),
    [1, 9],
  );
});

test("1000 requests that wait for a stuck backend hold nobody else's", async () => {
  await using world = await ProxyWorld.start();
  const held: Seen[] = [];
  const stuck = await startBackend(world, "http/1.1", (seen) => void held.push(seen));
  const calm = await startBackend(world, "http/1.1", ({ answer }) => answer(200));
  const of = ({ backend }: TestBackend) => ({ backends: [backend], reach: "any" }) as const;
  world.setEntries([
    { id: "stuck", host: "app.example", path: "/", upstream: of(stuck) },
    { id: "calm", host: "calm.example", path: "/", upstream: of(calm) },
  ]);
  const waiting = Array.from({ length: 1000 }, () => ask(world, "http/1.1"));
  await until(() => world.proxy.stats().inFlight === 1000, "all of them wait");
  // Some have a connection, the others wait for one.
  await until(() => held.length >= 512, "the stuck backend has all that it may have");
  for (let at = 0; at < 50; at++) equal((await ask(world, "http/1.1", { host: "calm.example" })).status, 200);
  equal(world.proxy.stats().inFlight, 1000);
  ok(held.length < 1000);
  let answered = 0;
  await until(() => {
    while (answered < held.length) held[answered++]?.answer(200);
    return answered === 1000;
  }, "it answers after all");
  for (const { status } of await Promise.all(waiting)) equal(status, 200);
});
