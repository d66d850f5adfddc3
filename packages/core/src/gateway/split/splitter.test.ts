/** Splits on real sockets: who gets how much, who comes back, what a change of the weights leaves alone. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ProxyWorld } from "../../testing/proxy-world.ts";
import type { SplitRule, StickyRule, TableEntry, Upstream } from "../table.ts";

const HEAD = "GET /x HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n";

/** Backends that answer with their names. */
async function places(world: ProxyWorld, names: readonly string[]): Promise<Map<string, Upstream>> {
  const made = new Map<string, Upstream>();
  for (const name of names) {
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`;
    const port = await world.listen((socket: Socket) => socket.on("data", () => socket.write(answer)));
    const backend = { kind: "tcp", host: "127.0.0.1", port, tls: false, basePath: "" } as const;
    made.set(name, { backends: [backend], reach: "any" });
  }
  return made;
}

function entry(
  all: ReadonlyMap<string, Upstream>,
  weights: Readonly<Record<string, number>>,
  sticky?: StickyRule,
): TableEntry {
  const variants = Object.entries(weights).map(([name, weight]) => {
    return { name, weight, upstream: all.get(name) as Upstream };
  });
  const split: SplitRule = { variants, ...(sticky && { sticky }) };
  return { id: "route", host: "app.example", path: "/", upstream: { backends: [], reach: "any" }, split };
}

async function ask(world: ProxyWorld, lines = ""): Promise<{ name: string; cookie: string | undefined }> {
  const text = await world.exchange(`${HEAD}${lines}\r\n`);
  match(text, /^HTTP\/1\.1 200/);
  return { name: text.split("\r\n\r\n")[1] ?? "", cookie: /^set-cookie: (.*)\r$/im.exec(text)?.[1] };
}

async function spread(world: ProxyWorld, requests: number, lines: (n: number) => string = () => "") {
  const counts: Record<string, number> = {};
  for (let n = 0; n < requests; n++) {
    const { name } = await ask(world, lines(n));
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test("any requests in a row are split as the weights say, but for a few; a pattern of requests changes nothing", async () => {
  await using world = await ProxyWorld.start();
  const all = await places(world, ["a", "b", "c", "none"]);
  world.setEntries([entry(all, { a: 70, none: 0, b: 25, c: 5 })]);
  for (const requests of [100, 60]) {
    const { a = 0, b = 0, c = 0, none = 0 } = await spread(world, requests);
    equal(none, 0);
    ok(Math.abs(a - 0.7 * requests) <= 3, `a got ${a} of ${requests}`);
    ok(Math.abs(b - 0.25 * requests) <= 3, `b got ${b} of ${requests}`);
    ok(Math.abs(c - 0.05 * requests) <= 3, `c got ${c} of ${requests}`);
  }
  // Each fourth request of a page is its image: taking turns would give it to the same one always.
  world.setEntries([entry(all, { a: 3, b: 1 })]);
  const images: string[] = [];
  for (let n = 0; n < 80; n++) {
    const { name } = await ask(world);
    if (n % 4 === 0) images.push(name);
  }
  const ofB = images.filter((name) => name === "b").length;
  ok(ofB >= 2 && ofB <= 8, `b got ${ofB} of 20 images`);
  deepEqual(new Set(world.records.map(({ variant }) => variant)), new Set(["a", "b", "c"]));
});

test("a cookie of the gateway's keeps clients with their variant whatever the weights become, but 0", async () => {
  await using world = await ProxyWorld.start();
  const all = await places(world, ["old", "new", "other"]);
  const sticky: StickyRule = { by: "cookie", name: "ab", ttlSeconds: 60, path: "/" };
  world.setEntries([entry(all, { old: 0, new: 1 }, sticky)]);
  const first = await ask(world);
  equal(first.name, "new");
  match(first.cookie ?? "", /^ab=[\w-]{22}; Path=\/; Max-Age=60; HttpOnly; SameSite=Lax$/);
  const mine = `Cookie: x=1; ab=${/^ab=([^;]+)/.exec(first.cookie ?? "")?.[1]}\r\n`;
  world.setEntries([entry(all, { old: 10_000_000, new: 1 }, sticky)]);
  deepEqual(await spread(world, 30, () => mine), { new: 30 });
  equal((await ask(world, mine)).cookie, undefined, "who has it gets it once");
  deepEqual(await spread(world, 10, () => "Cookie: ab=forged\r\n"), { old: 10 });
  world.setEntries([entry(all, { old: 999, new: 0 }, sticky)]);
  const moved = await ask(world, mine);
  equal(moved.name, "old");
  ok(moved.cookie !== undefined && moved.cookie !== first.cookie, "and is told so");
  world.setEntries([entry(all, { old: 1, other: 1 }, sticky)]);
  const { old = 0, other = 0 } = await spread(world, 20, () => mine);
  ok(old >= 8 && other >= 8, "one that is gone is chosen anew");
});

test("by a header clients come back, and when a weight grows nobody moves but to it", async () => {
  await using world = await ProxyWorld.start();
  const all = await places(world, ["old", "new"]);
  const sticky: StickyRule = { by: "header", name: "x-user" };
  const users = Array.from({ length: 150 }, (_, n) => `X-User: u${n}\r\n`);
  const choose = async (weights: Readonly<Record<string, number>>) => {
    world.setEntries([entry(all, weights, sticky)]);
    const chosen: string[] = [];
    for (const user of users) chosen.push((await ask(world, user)).name);
    return chosen;
  };
  const before = await choose({ old: 80, new: 20 });
  const share = before.filter((name) => name === "new").length;
  ok(share >= 10 && share <= 58, `new got ${share} of 150 at 20 %`);
  deepEqual(await choose({ old: 80, new: 20 }), before);
  const after = await choose({ old: 50, new: 50 });
  ok(after.every((name, at) => name === "new" || before[at] === "old"));
  ok(after.filter((name) => name === "new").length > share);
  deepEqual(new Set(await choose({ old: 50, new: 0 })), new Set(["old"]));
});

test("each variant has counts of its own, told until it or the route is gone", async () => {
  await using world = await ProxyWorld.start();
  const all = await places(world, ["a"]);
  const down: Upstream = { backends: [], reach: "any", reason: "gone" };
  world.setEntries([entry(new Map([...all, ["b", down]]), { a: 1, b: 1 })]);
  for (let n = 0; n < 20; n++) await world.exchange(`${HEAD}\r\n`);
  const told = world.proxy.routeNews(10);
  const [a, b] = [told["route/a"], told["route/b"]];
  deepEqual([a?.failed, a?.byClass[2], b?.failed, b?.byClass[5]], [0, a?.byClass[2], b?.byClass[5], b?.failed]);
  ok((a?.byClass[2] ?? 0) >= 8 && (b?.failed ?? 0) >= 8);
  deepEqual(b?.errors, { "unavailable/upstream": b?.failed });
  equal(told["route"]?.byClass[2], a?.byClass[2]);
  deepEqual(world.proxy.routeNews(10), {});
  await world.exchange(`${HEAD}\r\n`);
  world.setEntries([]);
  deepEqual(world.proxy.routeNews(10), {});
});
