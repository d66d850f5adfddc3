import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import fc from "fast-check";
import type { RateRule } from "../../domain/route-limits.ts";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import type { TableEntry } from "../table.ts";
import { keyOf } from "./keyed-hash.ts";
import { RateTable } from "./rate-table.ts";
import { admit, prepareRates, type RatedRequest } from "./rates.ts";

const SECRET = keyOf(Buffer.from("rates!!!"));
const request: RatedRequest = { method: "GET", host: "h", target: "/", lines: "" };

/** One route's rules over a table; `ask` says whether a request was taken. */
function rated(rules: readonly RateRule[], table = new RateTable({ slots: 1024 }), id = "r", project = "p") {
  const rates = prepareRates({ rate: rules }, { id, project }, SECRET);
  const verdict = (nowMs: number, ip = "192.0.2.1", lines = "") =>
    admit(rates, table, { ...request, lines }, ip, nowMs);
  const ask = (nowMs: number, ip?: string, lines?: string) => verdict(nowMs, ip, lines).error === undefined;
  return { ask, verdict, table };
}

test("a bucket gives what is in it at once, then as it fills, and says how much is left and when to come again", () => {
  const { ask, verdict } = rated([{ by: "ip", requests: 10, per: "1s", burst: 3 }]);
  const first = verdict(1000);
  equal(first.lines, 'RateLimit-Policy: "ip-1s";q=10;w=1\r\nRateLimit: "ip-1s";r=2;t=1\r\n');
  deepEqual([ask(1000), ask(1000), ask(1000)], [true, true, false]);
  deepEqual([ask(1099), ask(1100), ask(1100)], [false, true, false]);
  const { error, lines } = verdict(1100);
  deepEqual([error?.status, error?.reason, error?.retryAfterMs], [429, "rate", 1000]);
  match(lines, /RateLimit: "ip-1s";r=0;t=1\r\n$/);
  deepEqual([ask(5000), ask(5000), ask(5000), ask(5000)], [true, true, true, false]);
});

test("a request that one rule refuses takes nothing from the others", () => {
  const { ask, verdict } = rated([
    { by: "ip", requests: 1, per: "1s" },
    { by: "route", requests: 10, per: "1h" },
  ]);
  ok(ask(0));
  for (let i = 0; i < 100; i++) equal(ask(1), false);
  match(verdict(1000).lines, /"route-1h";r=8;/);
});

test("who has a bucket: addresses, the /64 of IPv6, values of a header, all who have none together", () => {
  const byIp = rated([{ by: "ip", requests: 1, per: "1h" }]);
  deepEqual(
    ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "x", "x"].map(
      (ip) => byIp.ask(0, ip),
    ),
    [true, true, false, true, false, true, true, false],
  );
  const byKey = rated([{ by: "header:x-key", requests: 1, per: "1h" }]);
  deepEqual(
    ["X-Key: a\r\n", "x-key: b\r\n", "X-KEY:  a\r\n", "", "", "X-Key: \r\n"].map((lines) =>
      byKey.ask(0, "192.0.2.1", lines),
    ),
    [true, true, false, true, false, false],
  );
});

test("routes have buckets of their own, those of a project that say so share one", () => {
  const table = new RateTable({ slots: 1024 });
  for (const by of ["ip", "route", "header:x-key"]) {
    const rules = [{ by, requests: 1, per: "1h" }];
    const asked = ["r1", "r1", "r2"].map((id) => rated(rules, table, id).ask(0));
    deepEqual(asked, [true, false, true], by);
  }
  const rules = [{ by: "project", requests: 1, per: "1h" }];
  const asked = [
    ["r1", "p1"],
    ["r2", "p1"],
    ["r3", "p2"],
  ].map(([id, p]) => rated(rules, table, id, p).ask(0));
  deepEqual(asked, [true, false, true]);
  ok(rated([{ by: "project", requests: 2, per: "1h" }], table, "r1", "p1").ask(0), "a rule that changes has another");
});

test("a flood of keys takes no more room, drives out its own, and gives nobody a bucket that he has emptied", () => {
  const table = new RateTable({ slots: 1024 });
  const { ask } = rated([{ by: "ip", requests: 60, per: "1m", burst: 30 }], table);
  const abusers = Array.from({ length: 20 }, (_, i) => `192.0.2.${i}`);
  for (const ip of abusers) for (let i = 0; i < 30; i++) ok(ask(0, ip));
  for (let i = 0; i < 200_000; i++) ask(1, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  const again = abusers.filter((ip) => ask(2, ip));
  deepEqual(again, []);
});

test("what was admitted in any time is no more than the bucket and what has filled, and all of that can be had", () => {
  const step = fc.record({ waitMs: fc.nat(400), asks: fc.nat(30) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(step, { maxLength: 60 }),
      (requests, burst, steps) => {
        const { ask } = rated([{ by: "route", requests, per: "1s", burst }]);
        let nowMs = 0;
        let tokens = burst;
        for (const { waitMs, asks } of steps) {
          nowMs += waitMs;
          tokens = Math.min(burst, tokens + (waitMs * requests) / 1000);
          for (let i = 0; i < asks; i++) {
            const isNear = Math.abs(tokens - Math.round(tokens)) < 1e-6;
            const isAdmitted = ask(nowMs);
            if (!isNear) equal(isAdmitted, tokens >= 1, `at ${nowMs} with ${tokens}`);
            if (isAdmitted) tokens -= 1;
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("what others have spent counts, and what is too much is owed", () => {
  let told = 0;
  const one = rated(
    [{ by: "ip", requests: 10, per: "1s", burst: 5 }],
    new RateTable({ slots: 1024, onSpent: () => told++ }),
  );
  const other = rated(
    [{ by: "ip", requests: 10, per: "1s", burst: 5 }],
    new RateTable({ slots: 1024, onSpent: () => told++ }),
  );
  for (let i = 0; i < 5; i++) ok(one.ask(0) && other.ask(0));
  equal(told, 2);
  const fromOne = one.table.takeSpent(10);
  equal(fromOne.length, 3);
  one.table.apply(other.table.takeSpent(10), 10);
  other.table.apply(fromOne, 10);
  deepEqual(one.table.takeSpent(10), []);
  // Ten were given, five too many: the bucket is empty for as long as it takes to fill by six.
  deepEqual([one.ask(590), other.ask(590), one.ask(601), one.ask(601)], [false, false, true, false]);
  for (let i = 0; i < 5000; i++) one.ask(2000, `10.0.${i >> 8}.${i & 255}`);
  ok(one.table.takeSpent(100).length <= 300 && one.table.hasSpent);
});

function entry(guard: TableEntry["guard"], backends: TableEntry["upstream"]["backends"]): TableEntry {
  return { id: "r", host: "app.example", path: "/", upstream: { backends, reach: "any" }, ...(guard && { guard }) };
}

test("clients of HTTP/1.1 and HTTP/2 are told on every answer; 429 says when", async () => {
  await using world = await ProxyWorld.start();
  const port = await world.listen((socket) =>
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
  );
  const rate = [{ by: "ip", requests: 3, per: "1h" }];
  const backend = { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" } as const;
  world.setEntries([entry({ limits: { rate } }, [backend])]);
  const get = "GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";
  const first = await world.exchange(get);
  match(first, /^HTTP\/1\.1 200[\s\S]*RateLimit-Policy: "ip-1h";q=3;w=3600\r\nRateLimit: "ip-1h";r=2;t=1200\r\n/);
  const session = connect(`http://127.0.0.1:${world.port}`);
  const ask = async (): Promise<Record<string, string>> => {
    const stream = session.request({ ":authority": "app.example" });
    const [headers] = (await once(stream, "response")) as [Record<string, string>];
    stream.resume();
    return headers;
  };
  const second = await ask();
  deepEqual([second[":status"], second["ratelimit"]], [200, '"ip-1h";r=1;t=2400']);
  await ask();
  const refused = await ask();
  deepEqual([refused[":status"], refused["retry-after"]], [429, "1200"]);
  match(refused["ratelimit"] ?? "", /r=0/);
  session.destroy();
  match(await world.exchange(get), /^HTTP\/1\.1 429 [\s\S]*Retry-After: 1\d\d\d\r\n[\s\S]*"reason":"rate"/);
  // Another route of the host is another bucket.
  world.setEntries([{ ...entry({ limits: { rate } }, [backend]), id: "other" }]);
  match(await world.exchange(get), /^HTTP\/1\.1 200/);
});
