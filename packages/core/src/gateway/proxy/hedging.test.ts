/** A second backend is asked when the first one is slow: whose answer counts, what becomes of the other, and how often. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import type { RouteHedge } from "../../domain/route-hedge.ts";
import { ask, type Seen, startBackend, type TestBackend, VERSIONS } from "../../testing/delivery-world.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import type { Backend, TableEntry, Upstream } from "../table.ts";
import { stickyValueOf } from "../upstreams/sticky.ts";
import { whatHedges } from "./hedge-told.ts";
import { Hedging, newHedgeState } from "./hedging.ts";

const QUICK: RouteHedge = { afterMs: 10, budgetPercent: 100 };
/** Far longer than `QUICK` waits. */
const SLOW_MS = 120;

type Said = Partial<TableEntry> & { readonly rest?: Partial<Upstream> };

function hedge(world: ProxyWorld, backends: readonly TestBackend[], said: Said = {}, how = QUICK): void {
  const { rest = {}, ...more } = said;
  const named = backends.map(({ backend }, at): Backend => ({ ...backend, name: `b${at}` }));
  const upstream = { backends: named, reach: "any", id: "u", ...rest } as const;
  world.setEntries([{ id: "hedged", host: "app.example", path: "/", upstream, hedge: how, ...more }]);
}

const says =
  (status: number, body = "", afterMs = 0) =>
  ({ answer }: Seen) =>
    void (afterMs === 0 ? answer(status, body) : setTimeout(() => answer(status, body), afterMs));
const silent = () => undefined;

/** Counts of the backends, when nothing is in flight. */
async function settled(world: ProxyWorld): Promise<{ requests: number; failures: number }> {
  await until(() => world.proxy.stats().inFlight === 0, "all requests are over");
  const told = Object.values(world.proxy.upstreamNews(10)["u"] ?? {});
  for (const { inFlight } of told) equal(inFlight, 0);
  const sum = (of: (one: (typeof told)[number]) => number) => told.reduce((all, one) => all + of(one), 0);
  return { requests: sum(({ requests }) => requests), failures: sum(({ failures }) => failures) };
}

for (const version of VERSIONS) {
  describe(`upstreams that speak ${version}`, () => {
    test("one that is silent: another answers, and the first hears that nobody waits, and is not blamed", async () => {
      await using world = await ProxyWorld.start();
      const first = await startBackend(world, version, silent);
      const other = await startBackend(world, version, says(200, "good"));
      const care = { ejection: { failures: 1 }, breaker: { failures: 1 } };
      for (const client of VERSIONS) {
        hedge(world, [first, other], { rest: { care } });
        for (let at = 0; at < 4; at++) equal((await ask(world, client)).body, "good", `${client} ${at}`);
      }
      ok(first.seen.length >= 3, `${first.seen.length} went to the slow one`);
      for (const { cancelled } of first.seen) await cancelled;
      deepEqual(world.proxy.conditions(), {}, "neither is out");
      const { hedges, hedgesWon, hedgesRefused, upstreamErrors } = world.proxy.stats();
      deepEqual(await settled(world), { requests: 8 + hedges, failures: 0 });
      deepEqual({ hedgesRefused, upstreamErrors }, { hedgesRefused: 0, upstreamErrors: 0 });
      // On a busy machine the good one may seem slow, too.
      ok(hedgesWon >= 3 && hedgesWon <= hedges, `${hedgesWon} of ${hedges}`);
      const told = world.records.filter((one) => one.hedges > 0);
      equal(told.length, hedges);
      const port = `127.0.0.1:${other.port}`;
      for (const { attempts, hedges: count, upstream } of told) deepEqual([attempts, count, upstream], [2, 1, port]);
      // Its connection serves others where streams share it.
      if (version === "h2") equal(world.proxy.stats().upstreamConnections, 2);
    });

    test("a body that was kept goes with it as it was; a longer one is sent to one alone", async () => {
      await using world = await ProxyWorld.start();
      const first = await startBackend(world, version, ({ body, answer }) => {
        void body.then((text) => text.length > 70_000 && answer(200, "long"));
      });
      const other = await startBackend(
        world,
        version,
        ({ body, answer }) => void body.then((text) => answer(200, text)),
      );
      hedge(world, [first, other]);
      const small = Array.from({ length: 30 }, (_, at) => String(at % 10).repeat(1000));
      for (let at = 0; at < 2; at++)
        equal((await ask(world, "http/1.1", { method: "GET", body: small, headers: CHUNKED })).body, small.join(""));
      equal(world.proxy.stats().hedges, 1);
      const long = "x".repeat(80_000);
      for (let at = 0; at < 2; at++)
        ok(
          ["long", long].includes((await ask(world, "http/1.1", { method: "GET", body: long, headers: CHUNKED })).body),
        );
      equal(world.proxy.stats().hedges, 1);
    });

    test("an answer with a status from 500 does not count while another may do better, and is the client's when none does", async () => {
      await using world = await ProxyWorld.start();
      const first = await startBackend(world, version, says(200, "late", SLOW_MS));
      const bad = await startBackend(world, version, says(500, "bad"));
      hedge(world, [first, bad]);
      // Who of the two is asked first is whose turn it is.
      for (let at = 0; at < 6; at++) {
        const before = first.seen.length;
        equal((await ask(world, "http/1.1")).body, first.seen.length > before ? "late" : "bad");
      }
      ok(world.proxy.stats().hedges > 0);
      hedge(world, [await startBackend(world, version, says(503, "both", SLOW_MS)), bad], { id: "bad" });
      equal((await ask(world, "http/1.1")).body, "both");
    });

    test("one that breaks while another is asked is waited for no more, and counts as failed", async () => {
      await using world = await ProxyWorld.start();
      const other = await startBackend(world, version, silent);
      const first = await startBackend(world, version, ({ socket }) => {
        void until(() => other.seen.length === 1, "the other is asked").then(() => socket.destroy());
      });
      hedge(world, [first, other], { retries: { attempts: 2, budgetPercent: 100 } });
      const got = ask(world, "http/1.1");
      await until(() => world.proxy.stats().upstreamErrors === 1, "the first has broken");
      other.seen[0]?.answer(200, "good");
      equal((await got).body, "good");
      equal(world.proxy.stats().retries, 0);
      equal((await settled(world)).failures, 1);
    });

    test("answers that come at the same time: one of them, whole, and nothing of the other", async () => {
      await using world = await ProxyWorld.start({ maxUpstreamConnections: 4 });
      const both = await Promise.all(
        ["a", "b"].map((letter) =>
          startBackend(world, version, ({ answer }) => void setTimeout(() => answer(200, letter.repeat(20_000)), 10)),
        ),
      );
      hedge(world, both, {}, { afterMs: 5, budgetPercent: 100 });
      const clients = Array.from({ length: 8 }, async (_, at) => {
        for (let round = 0; round < 8; round++) {
          const { status, body, isBroken } = await ask(world, VERSIONS[at % 2] ?? "h2");
          ok(status === 200 && !isBroken && /^(a{20000}|b{20000})$/.test(body), `${status}, ${body.length} bytes`);
        }
      });
      await Promise.all(clients);
      ok(world.proxy.stats().hedges > 0);
      equal((await settled(world)).failures, 0);
      equal(world.records.length, 64);
    });
  });
}

const CHUNKED = { "transfer-encoding": "chunked" };

test("never more than the budget, whoever is slow", async () => {
  await using world = await ProxyWorld.start();
  const slow = await Promise.all([1, 2, 3].map(() => startBackend(world, "http/1.1", says(200, "slow", 40))));
  hedge(world, slow, {}, { afterMs: 5 });
  const requests = 200;
  const clients = Array.from({ length: 20 }, async () => {
    for (let at = 0; at < requests / 20; at++) equal((await ask(world, "http/1.1")).body, "slow");
  });
  await Promise.all(clients);
  const sent = slow.reduce((all, { seen }) => all + seen.length, 0);
  const { hedges, hedgesRefused } = world.proxy.stats();
  ok(hedges >= 5 && hedges <= requests * 0.05, `${hedges} of ${requests}`);
  ok(hedgesRefused > 0);
  equal((await settled(world)).requests, requests + hedges);
  ok(sent <= requests + hedges);
});

test("what may change something goes to one backend, however slow", async () => {
  await using world = await ProxyWorld.start();
  const slow = await Promise.all([1, 2].map(() => startBackend(world, "http/1.1", says(200, "slow", SLOW_MS))));
  for (const retries of [undefined, { attempts: 1, budgetPercent: 100 }]) {
    hedge(world, slow, retries && { retries });
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      for (const body of [undefined, "x"])
        equal((await ask(world, "http/1.1", { method, ...(body && { body }) })).status, 200);
    }
  }
  equal(
    slow.reduce((all, { seen }) => all + seen.length, 0),
    16,
  );
  equal(world.proxy.stats().hedges, 0);
});

test("who sticks to a backend goes to no other; who comes first gets the cookie of who has answered", async () => {
  await using world = await ProxyWorld.start();
  const slow = await startBackend(world, "http/1.1", says(200, "slow", SLOW_MS));
  const other = await startBackend(world, "http/1.1", says(200, "other"));
  hedge(world, [slow, other], { rest: { sticky: { by: "cookie", name: "at" } } });
  const cookie = (name: string) => ({ headers: { cookie: `at=${stickyValueOf("u", name)}` } });
  equal((await ask(world, "http/1.1", cookie("b0"))).body, "slow");
  equal(world.proxy.stats().hedges, 0);
  const fresh = await ask(world, "http/1.1", { headers: { cookie: "at=nobody" } });
  const { headers } = fresh.body === "other" && world.proxy.stats().hedges === 1 ? fresh : await ask(world, "http/1.1");
  equal(world.proxy.stats().hedges, 1);
  ok(String(headers["set-cookie"]).startsWith(`at=${stickyValueOf("u", "b1")};`), String(headers["set-cookie"]));
});

test("as many as it says are asked besides, each after as long a wait, and no backend twice", async () => {
  await using world = await ProxyWorld.start();
  const quick = await startBackend(world, "http/1.1", says(200));
  hedge(world, [quick]);
  for (let at = 0; at < 3; at++) await ask(world, "http/1.1");
  equal(world.proxy.stats().hedges, 0, "there was nobody else");
  const all = await Promise.all([1, 2, 3].map(() => startBackend(world, "http/1.1", silent)));
  hedge(world, all, {}, { ...QUICK, most: 3 });
  const got = ask(world, "http/1.1");
  await until(() => all.every(({ seen }) => seen.length === 1), "each is asked");
  await new Promise((resolve) => setTimeout(resolve, 50));
  all[1]?.seen[0]?.answer(200, "one of them");
  equal((await got).body, "one of them");
  deepEqual(
    all.map(({ seen }) => seen.length),
    [1, 1, 1],
  );
  for (const { seen } of [all[0], all[2]].flatMap((one) => one ?? [])) await seen[0]?.cancelled;
  deepEqual(world.records.at(-1)?.attempts, 3);
});

test("one that takes no connection is passed by, too", async () => {
  await using world = await ProxyWorld.start({}, { resolve: () => new Promise(() => undefined) });
  const other = await startBackend(world, "http/1.1", says(200, "good"));
  const lost = { ...other, backend: { ...other.backend, host: "lost.example" } as Backend };
  hedge(world, [lost, other]);
  for (let at = 0; at < 4; at++) equal((await ask(world, "http/1.1")).body, "good");
  ok(world.proxy.stats().hedges > 0);
  equal((await settled(world)).failures, 0);
});

test("a client that goes away, and a time that is over, end all that were asked; the first alone is to blame", async () => {
  await using world = await ProxyWorld.start();
  const all = await Promise.all([1, 2].map(() => startBackend(world, "http/1.1", silent)));
  hedge(world, all, { timeouts: { headMs: 150 } });
  equal((await ask(world, "http/1.1")).reason, "unavailable/head-timeout");
  for (const { seen } of all) await seen[0]?.cancelled;
  deepEqual(await settled(world), { requests: 2, failures: 1 });
  const client = await world.connect();
  client.write("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
  await until(() => all.every(({ seen }) => seen.length === 2), "both are asked");
  client.socket.resetAndDestroy();
  for (const { seen } of all) await seen[1]?.cancelled;
  await until(() => world.records.at(-1)?.error === "aborted", "a record");
  deepEqual(await settled(world), { requests: 4, failures: 1 });
});

test("a percentile is known after a hundred answers, and stays when the route changes; nothing is lent", () => {
  let nowMs = 0;
  const state = newHedgeState(() => nowMs);
  const hedging = new Hedging({ after: "p90" }, state);
  for (let at = 0; at < 100; at++) {
    equal(hedging.delayMs, undefined);
    hedging.begin();
    hedging.observe(at < 90 ? 8 : 200);
  }
  const { delayMs = 0 } = hedging;
  ok(delayMs >= 8 && delayMs <= 10, String(delayMs));
  equal(new Hedging({ after: "p90" }, state).delayMs, delayMs);
  equal(new Hedging({ afterMs: 7 }, state).delayMs, 7);
  for (let at = 0; at < 300; at++) hedging.observe(400);
  ok((hedging.delayMs ?? 0) >= 400);
  const taken = () => Array.from({ length: 100 }, () => hedging.take()).filter(Boolean).length;
  equal(taken(), 5, "a twentieth of a hundred");
  nowMs += 1e9;
  equal(taken(), 0);
});

test("what is told of it, by method, backends and stickiness", () => {
  const backend: Backend = { kind: "tcp", host: "a", port: 1, tls: false, basePath: "" };
  const upstream: Upstream = { backends: [backend, backend], reach: "any" };
  const told = (how: RouteHedge | undefined, method = "GET", rest: Partial<Upstream> = {}) =>
    whatHedges({ ...(how && { hedge: how }), upstream: { ...upstream, ...rest } }, method).join();
  equal(told(undefined), "");
  equal(
    told({ after: "p95" }),
    "asks another backend too when nothing comes for longer than 95 of 100 answers take (5 % of the requests at most)",
  );
  equal(
    told({ afterMs: 20, most: 2, budgetPercent: 3 }, "HEAD", { sticky: { by: "cookie", name: "at" } }),
    "asks up to 2 other backends too when nothing comes for 20 ms, unless it sticks to one (3 % of the requests at most)",
  );
  equal(told({ after: "p95" }, "PUT"), "asks one backend alone: PUT may change something");
  equal(
    told({ after: "p95" }, "GET", { backends: [backend, { ...backend, drain: true }] }),
    "has no second backend to ask",
  );
});
