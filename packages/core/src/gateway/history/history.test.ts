import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { resourceKey } from "../../domain/resource.ts";
import type { Json, Op } from "../../domain/store.ts";
import { openMemoryStore } from "../../store/drivers/memory/memory.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { digestOf, type HistoryKind, type Kept, keptOf } from "./changes.ts";
import { GatewayHistory } from "./history.ts";

const { maxGenerations, maxBytes } = LIMITS.history;

function world() {
  const clock = createFakeClock();
  const under = openMemoryStore({ clock, random: createSimRandom(1) });
  const history = new GatewayHistory({ store: under, clock });
  const store = history.store();
  const op = (kind: HistoryKind, name: string, spec: Record<string, Json>, project = "mia"): Op => ({
    op: "put",
    key: resourceKey(kind, project, name),
    value: { kind, meta: { uid: `${project}-${name}`, name, project, labels: {} }, spec },
  });
  const remove = (kind: HistoryKind, name: string): Op => ({ op: "delete", key: resourceKey(kind, "mia", name) });
  const told = async (project = "mia") =>
    (await history.list(project, 1000)).map(({ generation, changes }) =>
      [generation, ...changes.map(({ kind, name, result }) => `${kind}/${name} ${result}`)].join(" "),
    );
  return { under, history, store, op, remove, told };
}

test("each transaction that changes something is a generation, of its project alone, with who did it", async () => {
  const { history, store, op, remove, told } = world();
  await store.transact({ then: [op("route", "a", { to: "1" }), op("upstream", "u", { n: 1 })] });
  await store.transact({ then: [op("route", "z", {}, "zoe")] });
  const author = { uid: "u1", name: "mia", action: "route.update", requestId: "r" };
  await history.by(author, () =>
    store.transact({ then: [op("route", "a", { to: "2" }), { op: "put", key: "/x", value: 1 }] }),
  );
  await store.transact({ then: [op("route", "a", { to: "2" })] });
  await store.transact({ then: [{ op: "put", key: "/bucket/mia/b", value: 1 }] });
  await store.transact({ then: [remove("upstream", "u")] });
  deepEqual(await told(), ["3 upstream/u deleted", "2 route/a updated", "1 route/a created upstream/u created"]);
  deepEqual(await told("zoe"), ["1 route/z created"]);
  const { author: who, time } = await history.expect("mia", 2);
  deepEqual([who, time], [author, "2026-01-01T00:00:00.000Z"]);
  equal((await history.expect("mia", 1)).author.name, "system");
  const key = resourceKey("route", "mia", "a");
  const to = async (kept: Promise<{ spec: Record<string, Json> } | undefined>) => (await kept)?.spec["to"];
  deepEqual(
    [await to(history.before("mia", 2, key) as never), await to(history.after("mia", 2, key) as never)],
    ["1", "2"],
  );
  deepEqual([await history.before("mia", 1, key), await to(history.after("mia", 1, key) as never)], [undefined, "1"]);
  const since = await history.changedSince("mia", 1);
  deepEqual(
    [...since].map(([at, kept]) => [at, kept?.spec]),
    [
      ["/upstream/mia/u", { n: 1 }],
      ["/route/mia/a", { to: "1" }],
    ],
  );
  deepEqual([...(await history.changedSince("mia", 0)).values()], [undefined, undefined]);
  deepEqual(await history.changedSince("mia", 3), new Map());
  for (const n of [4, 99]) await rejects(history.changedSince("mia", n), { code: "not_found" });
});

test("what is refused leaves no trace, and a change is there with its generation or not at all", async () => {
  const { under, store, op, told } = world();
  const key = resourceKey("route", "mia", "a");
  const refused = await store.transact({ compare: [{ key, modRevision: 7 }], then: [op("route", "a", {})] });
  equal(refused.succeeded, false);
  deepEqual([await told(), under.revision], [[], 0]);
  await store.transact({ compare: [{ key, modRevision: 0 }], then: [op("route", "a", {})] });
  equal(under.revision, 1, "one transaction");
});

test("many at once each get a number, and none is lost", async () => {
  const { store, op, told } = world();
  const all = Array.from({ length: 50 }, (_, n) => store.transact({ then: [op("route", `r${n}`, {})] }));
  ok((await Promise.all(all)).every(({ succeeded }) => succeeded));
  deepEqual(
    (await told()).map((text) => Number(text.split(" ")[0])),
    Array.from({ length: 50 }, (_, n) => 50 - n),
  );
});

test("the key of a certificate is not in it, and one sealed anew is no change", async () => {
  const { under, store, op, told } = world();
  const of = (certificate: string, sealedKey: string) =>
    op("certificate", "c", { use: "server", certificate, sealedKey });
  await store.transact({ then: [of("A", "the-planted-secret-1")] });
  await store.transact({ then: [of("A", "the-planted-secret-2")] });
  await store.transact({ then: [of("B", "the-planted-secret-3")] });
  await store.transact({ then: [{ op: "delete", key: resourceKey("certificate", "mia", "c") }] });
  deepEqual(await told(), ["3 certificate/c deleted", "2 certificate/c updated", "1 certificate/c created"]);
  const { entries } = await under.list({ prefix: "/gateway-history/" });
  ok(JSON.stringify(entries).includes('"certificate":"A"'));
  ok(!JSON.stringify(entries).includes("planted"));
});

test("of what is too large to be kept, it is kept that it was another", async () => {
  const { under, history, store, op, told } = world();
  const key = resourceKey("iplist", "mia", "l");
  const entries = "1".repeat(maxBytes);
  await store.transact({ then: [op("iplist", "l", { entries })] });
  await store.transact({ then: [op("iplist", "l", { entries })] });
  await store.transact({ then: [op("iplist", "l", { entries: `${entries}2` })] });
  deepEqual(await told(), ["2 iplist/l updated", "1 iplist/l created"]);
  const before = await history.before("mia", 2, key);
  const now = keptOf(await under.get(key)) as Kept;
  deepEqual([before?.spec, before?.digest?.length], [{}, 64]);
  await store.transact({ then: [op("iplist", "l", { entries })] });
  const again = keptOf(await under.get(key)) as Kept;
  deepEqual([digestOf(before as Kept) === digestOf(now), digestOf(before as Kept) === digestOf(again)], [false, true]);
});

test("the oldest go, by number and by size, and what is kept can all be gone back to", async () => {
  const { under, history, store, op, told } = world();
  for (let n = 0; n < maxGenerations + 20; n++) await store.transact({ then: [op("route", "a", { n })] });
  const { newest, oldest } = await history.range("mia");
  deepEqual(
    [newest, newest - oldest + 1, (await told()).length],
    [maxGenerations + 20, maxGenerations, maxGenerations],
  );
  const key = resourceKey("route", "mia", "a");
  equal((await history.changedSince("mia", oldest - 1)).get(key)?.spec["n"], oldest - 2);
  await rejects(history.changedSince("mia", oldest - 2), { code: "not_found" });
  const entries = "x".repeat(maxBytes / 8);
  for (let n = 0; n < 30; n++) await store.transact({ then: [op("iplist", "l", { entries: `${n}${entries}` })] });
  const bytes = JSON.stringify((await under.list({ prefix: "/gateway-history/" })).entries).length;
  ok(bytes < 1.5 * maxBytes, `${bytes}`);
  const range = await history.range("mia");
  ok(range.newest - range.oldest < 9);
  await history.clear("mia");
  equal((await under.list({ prefix: "/gateway-history/" })).entries.length, 0);
});
