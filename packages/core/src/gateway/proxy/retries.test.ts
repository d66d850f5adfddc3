/** Requests that are sent again: where it is safe, within the budget, to another backend first. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import type { RouteRetries } from "../../domain/route-delivery.ts";
import { realRandom } from "../../platform/random.ts";
import { ask, type Seen, startBackend, VERSIONS } from "../../testing/delivery-world.ts";
import { ProxyWorld, until } from "../../testing/proxy-world.ts";
import type { Backend, TableEntry } from "../table.ts";

const QUICK: RouteRetries = { attempts: 2, backoffMs: 1, budgetPercent: 100 };

function retry(world: ProxyWorld, backends: readonly Backend[], retries = QUICK, said: Partial<TableEntry> = {}): void {
  const upstream = { backends, reach: "any" } as const;
  world.setEntries([{ id: "flaky", host: "app.example", path: "/", upstream, retries, ...said }]);
}

/** Answers, one after another, the last again and again. */
function script(...answers: readonly ((seen: Seen) => void)[]): (seen: Seen) => void {
  let at = 0;
  return (seen) => answers[Math.min(at++, answers.length - 1)]?.(seen);
}
const says =
  (status: number, body = "") =>
  ({ answer }: Seen) =>
    answer(status, body);
const resets = ({ socket }: Seen) => void socket.destroy();

test("a backend that fails 30 of 100 times: more succeeds, at a tenth more requests and no more; POST is sent once", async () => {
  await using world = await ProxyWorld.start();
  let count = 0;
  const { backend, seen } = await startBackend(world, "http/1.1", ({ answer }) => answer(count++ % 10 < 3 ? 503 : 200));
  retry(world, [backend], { attempts: 1, backoffMs: 0 });
  const requests = 500;
  const statuses: number[] = [];
  for (let at = 0; at < requests; at++) statuses.push((await ask(world, "http/1.1")).status);
  const succeeded = statuses.filter((status) => status === 200).length;
  ok(seen.length <= requests * 1.1, `${seen.length} attempts`);
  ok(succeeded >= requests * 0.75, `${succeeded} succeeded`);
  const { retries, retriesRefused } = world.proxy.stats();
  equal(retries, seen.length - requests);
  ok(retriesRefused > 0);
  const before = seen.length;
  for (let at = 0; at < 20; at++) await ask(world, "http/1.1", { method: "POST", body: "once" });
  equal(seen.length - before, 20);
});

for (const version of VERSIONS) {
  describe(`upstreams that speak ${version}`, () => {
    for (const [what, fails] of [
      ["502", says(502)],
      ["503", says(503, "x".repeat(1000))],
      ["504", says(504)],
      ["reset", resets],
    ] as const) {
      test(`${what}: another backend is asked first`, async () => {
        await using world = await ProxyWorld.start();
        const bad = await startBackend(world, version, fails);
        const good = await startBackend(world, version, says(200, "good"));
        retry(world, [bad.backend, good.backend], { ...QUICK, attempts: 1 });
        for (let at = 0; at < 8; at++) equal((await ask(world, "http/1.1")).body, "good", `request ${at}`);
        ok(bad.seen.length >= 3);
        equal(good.seen.length, 8);
      });
    }

    test("a body that was kept is sent again as it was; a longer one, and POST, are sent once", async () => {
      await using world = await ProxyWorld.start();
      const bodies: string[] = [];
      const { backend, seen } = await startBackend(world, version, ({ body, answer, path }) => {
        const isFirst = !bodies.some((one) => one.startsWith(path));
        void body.then((text) => {
          bodies.push(path + text);
          answer(isFirst ? 503 : 200, "taken");
        });
      });
      retry(world, [backend]);
      const small = Array.from({ length: 60 }, (_, at) => String(at % 10).repeat(1000));
      for (const client of VERSIONS) {
        const path = `/${client.slice(-1)}`;
        const got = await ask(world, client, { method: "PUT", path, body: small });
        equal(got.status, 200);
        deepEqual(
          bodies.filter((one) => one.startsWith(path)),
          [path + small.join(""), path + small.join("")],
        );
      }
      const before = seen.length;
      equal((await ask(world, "http/1.1", { method: "PUT", path: "/long", body: "x".repeat(70_000) })).status, 503);
      equal((await ask(world, "http/1.1", { method: "POST", path: "/post", body: "x" })).status, 503);
      equal(seen.length, before + 2);
    });

    test("no head in time: another backend is asked when the route says so", async () => {
      await using world = await ProxyWorld.start();
      const stuck = await startBackend(world, version, () => undefined);
      const good = await startBackend(world, version, says(200, "good"));
      const retries: RouteRetries = { ...QUICK, on: ["timeout"] };
      retry(world, [stuck.backend, good.backend], retries, { timeouts: { headMs: 50 } });
      for (let at = 0; at < 4; at++) equal((await ask(world, "http/1.1")).body, "good");
      ok(stuck.seen.length >= 1);
      retry(world, [stuck.backend], { ...QUICK, on: ["503"] }, { timeouts: { headMs: 50 } });
      equal((await ask(world, "http/1.1")).reason, "unavailable/head-timeout");
    });

    test("an answer that has begun is never asked for again", async () => {
      await using world = await ProxyWorld.start();
      const { backend, seen } = await startBackend(world, version, ({ begin, socket }) => {
        begin(200);
        setTimeout(() => socket.destroy(), 30);
      });
      retry(world, [backend]);
      const got = await ask(world, "http/1.1");
      equal(got.status, 200);
      ok(got.isBroken);
      equal(seen.length, 1);
    });

    test("a client that goes away while a pause lasts is not asked for again", async () => {
      await using world = await ProxyWorld.start(
        {},
        { random: { bytes: (n) => new Uint8Array(n), fraction: () => 0.5 } },
      );
      const { backend, seen } = await startBackend(world, version, says(503));
      retry(world, [backend], { ...QUICK, backoffMs: 400 });
      const client = await world.connect();
      client.write("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
      await until(() => world.proxy.stats().retries === 1, "it would be sent again");
      client.socket.resetAndDestroy();
      await until(() => world.records[0]?.error === "aborted", "a record");
      await new Promise((resolve) => setTimeout(resolve, 400));
      equal(seen.length, 1);
    });
  });
}

test("a refused connection: the next backend gets a POST too, for it was never sent; when all refuse they are asked again", async () => {
  await using world = await ProxyWorld.start();
  const port = await world.listen(() => undefined);
  world.stopListening(port);
  const closed: Backend = { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" };
  const good = await startBackend(world, "http/1.1", says(200, "good"));
  retry(world, [closed, good.backend]);
  for (let at = 0; at < 4; at++) equal((await ask(world, "http/1.1", { method: "POST", body: "x" })).body, "good");
  equal(world.proxy.stats().retries, 0);
  retry(world, [closed], { ...QUICK, attempts: 10, backoffMs: 50 }, { id: "returning" });
  const got = ask(world, "http/1.1", { method: "POST", body: "late" });
  await until(() => world.proxy.stats().retries >= 1, "it is tried again");
  const seen: Seen[] = [];
  await startBackend(
    world,
    "http/1.1",
    (one) => {
      seen.push(one);
      one.answer(200, "back");
    },
    port,
  );
  equal((await got).body, "back");
  equal(await seen[0]?.body, "late");
});

test("a POST whose connection breaks is not sent again, whatever is said", async () => {
  await using world = await ProxyWorld.start();
  const { backend, seen } = await startBackend(world, "http/1.1", script(says(200), resets));
  retry(world, [backend]);
  // The second one goes over a connection that was kept.
  equal((await ask(world, "http/1.1")).status, 200);
  equal((await ask(world, "http/1.1", { method: "POST", body: "x" })).reason, "unavailable/upstream");
  equal(seen.length, 2);
});

test("a kept connection that has died costs nothing of the budget; a short answer that nobody wants costs no connection", async () => {
  await using world = await ProxyWorld.start();
  const { backend, seen } = await startBackend(
    world,
    "http/1.1",
    script(says(200), resets, says(200, "fresh"), says(503, "short"), says(200, "same")),
  );
  retry(world, [backend], { attempts: 1, budgetPercent: 100, backoffMs: 0 });
  equal((await ask(world, "http/1.1")).status, 200);
  equal((await ask(world, "http/1.1")).body, "fresh");
  equal(world.proxy.stats().retries, 0);
  equal((await ask(world, "http/1.1")).body, "same");
  equal(world.proxy.stats().retries, 1);
  equal(seen[2]?.socket, seen[4]?.socket);
});

test("when the last attempt fails its answer is the client's", async () => {
  await using world = await ProxyWorld.start();
  const { backend, seen } = await startBackend(world, "http/1.1", script(says(503, "1"), says(502), says(503, "3")));
  retry(world, [backend]);
  const got = await ask(world, "http/1.1");
  deepEqual([got.status, got.body, seen.length], [503, "3", 3]);
  retry(world, [backend], { ...QUICK, on: ["reset"] }, { id: "other" });
  equal((await ask(world, "http/1.1")).status, 503);
  equal(seen.length, 4);
});

test("a request that wants a new connection waits for none while others stand idle", async () => {
  const random = { ...realRandom, fraction: () => 0.99 };
  await using world = await ProxyWorld.start({ maxUpstreamConnections: 1, upstreamIdleMs: 600_000 }, { random });
  const sockets = new Set<Socket>();
  let breaks = false;
  const port = await world.listen((socket) => {
    sockets.add(socket);
    socket.on("data", () => {
      if (breaks) socket.end("HTTP/1.1 2");
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      breaks = false;
    });
  });
  const backends = [{ kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" }] as const;
  retry(world, backends, { attempts: 1, backoffMs: 300, budgetPercent: 100 });
  equal((await ask(world, "http/1.1")).status, 200);
  breaks = true;
  const broken = ask(world, "http/1.1");
  await until(() => world.proxy.stats().retries === 1, "it is to be sent again");
  equal((await ask(world, "http/1.1")).status, 200, "another one, meanwhile, leaves its connection");
  equal(sockets.size, 2);
  equal((await broken).status, 200);
  equal(sockets.size, 3);
});
