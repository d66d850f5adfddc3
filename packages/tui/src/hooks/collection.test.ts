import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { callOf, type ListSource, pagesOf, snapshotOf } from "../screens/screen.ts";
import { FakeDaemon, Stream, until } from "../testing/fake-daemon.ts";
import { Collection } from "./collection.ts";

interface Item {
  readonly name: string;
}

const WATCH: ListSource<Item> = { kind: "watch", call: callOf(bucketRoutes.list) };
const SNAPSHOT = snapshotOf<typeof bucketRoutes.list, Item>(bucketRoutes.list, {}, ({ items }) =>
  items.map(({ meta }) => ({ name: meta.name })),
);
const PAGES = pagesOf<typeof objectRoutes.list, Item>(
  objectRoutes.list,
  { params: { bucket: "box" } },
  ({ items }) => items.map(({ key }) => ({ name: key })),
  ({ name }) => name,
);

function follow(daemon: FakeDaemon, source: ListSource<Item>): Collection<Item> {
  return new Collection<Item>({ client: daemon.client, source, idOf: ({ name }) => name, nowMs: () => 1_000 });
}

function names(collection: Collection<Item>): string {
  return collection.items.map(({ name }) => name).join(" ");
}

test("a watch: what is there, changes, a break that keeps what was there, and back again", async () => {
  let stream = new Stream();
  const daemon = new FakeDaemon((target) =>
    target.includes("watch=1") ? { stream } : { json: { items: [{ name: "a" }, { name: "b" }], revision: 4 } },
  );
  using collection = follow(daemon, WATCH);
  assert.equal(collection.phase.state, "loading");
  await until("listed", () => names(collection) === "a b");
  assert.equal(collection.phase.state, "live");
  stream.send("put", "5.1", { name: "c" });
  stream.send("delete", "6.1", { name: "a" });
  await until("changed", () => names(collection) === "b c");
  const before = stream;
  stream = new Stream();
  daemon.down = true;
  before.break();
  await until("stale", () => collection.phase.state === "stale");
  assert.equal(names(collection), "b c");
  daemon.down = false;
  await until("live again without an event", () => collection.phase.state === "live");
  stream.send("put", "7.1", { name: "d" });
  await until("goes on", () => names(collection) === "b c d");
  assert.equal(daemon.requests.filter((request) => !request.includes("watch=1")).length, 1, "listed once");
});

test("history that is lost lists again, and what has gone meanwhile is gone", async () => {
  const stream = new Stream();
  const pages = [["a", "b"], ["b"]];
  const daemon = new FakeDaemon((target) =>
    target.includes("watch=1")
      ? { stream }
      : { json: { items: pages.shift()?.map((name) => ({ name })), revision: 4 } },
  );
  using collection = follow(daemon, WATCH);
  await until("listed", () => names(collection) === "a b");
  stream.end("conflict", "compacted");
  await until("listed again", () => names(collection) === "b");
});

test("a thousand changes at once are told in a few notices", async () => {
  const stream = new Stream();
  const daemon = new FakeDaemon((target) =>
    target.includes("watch=1") ? { stream } : { json: { items: [], revision: 4 } },
  );
  using collection = follow(daemon, WATCH);
  await until("listed", () => collection.phase.state === "live");
  let told = 0;
  collection.changes.subscribe(() => told++);
  for (let i = 0; i < 1000; i++) stream.send("put", `5.${i}`, { name: `n${i}` });
  await until("all", () => collection.items.length === 1000);
  const startedMs = performance.now();
  await until("told of the last", () => told > 0);
  assert.ok(told <= 2 + (performance.now() - startedMs) / 100, `${told} notices`);
});

test("what may not be seen is said, not tried again", async () => {
  const problem = { status: 403, code: "forbidden", title: "forbidden", detail: "You may not." };
  const daemon = new FakeDaemon(() => ({ status: 403, json: problem }));
  using collection = follow(daemon, WATCH);
  await until("failed", () => collection.phase.state === "failed");
  assert.equal(daemon.requests.length, 1);
});

test("pages come as they are asked for, and what is read is followed; beyond it nothing is", async () => {
  const stream = new Stream();
  let answered = Promise.resolve();
  const daemon = new FakeDaemon((target) => {
    const query = new URLSearchParams(target.split("?")[1]);
    if (query.has("watch")) return { stream };
    const page = Number(query.get("page") ?? 0);
    const items = [{ key: `k${page}0` }, { key: `k${page}5` }];
    return {
      later: answered,
      json: { items, prefixes: [], revision: 7, ...(page < 2 ? { nextPage: `${page + 1}` } : {}) },
    };
  });
  using collection = follow(daemon, PAGES);
  await until("the first", () => names(collection) === "k00 k05");
  assert.deepEqual([collection.phase, collection.hasMore], [{ state: "live" }, true]);
  await until("followed from there", () => daemon.requests.some((request) => request.endsWith("watch=1&from=8")));
  for (const name of ["k07", "k02", "k99"]) stream.send("put", "8", { name });
  stream.send("delete", "9", { name: "k00" });
  await until("in its place; what lies beyond the page not at all", () => names(collection) === "k02 k05");
  const gate = Promise.withResolvers<void>();
  answered = gate.promise;
  collection.more();
  collection.more();
  stream.send("delete", "10", { name: "k10" });
  stream.send("put", "11", { name: "k12" });
  stream.send("put", "12", { name: "k01" });
  await until("what is in sight already", () => names(collection) === "k01 k02 k05");
  gate.resolve();
  await until("one more, asked once, with what came meanwhile", () => names(collection) === "k01 k02 k05 k12 k15");
  collection.more();
  await until("all", () => names(collection) === "k01 k02 k05 k12 k15 k20 k25");
  assert.equal(collection.hasMore, false);
  stream.send("put", "13", { name: "k99" });
  await until("also at the end", () => names(collection).endsWith("k25 k99"));
});

test("pages whose history is lost are read again from the beginning; a daemon that is away leaves what was there", async () => {
  let stream = new Stream();
  let key = "before";
  const daemon = new FakeDaemon((target) =>
    target.includes("watch=1") ? { stream } : { json: { items: [{ key }], prefixes: [], revision: 7 } },
  );
  using collection = follow(daemon, PAGES);
  await until("the first", () => names(collection) === "before");
  key = "after";
  const before = stream;
  stream = new Stream();
  before.end("conflict", "compacted");
  await until("again", () => names(collection) === "after" && collection.phase.state === "live");
  daemon.down = true;
  stream.break();
  await until("stale", () => collection.phase.state === "stale" && names(collection) === "after");
});

test("who has gone on to further pages keeps their place when all is read again", async () => {
  let stream = new Stream();
  const sizes: number[] = [];
  const daemon = new FakeDaemon((target) => {
    const query = new URLSearchParams(target.split("?")[1]);
    if (query.has("watch")) return { stream };
    const page = Number(query.get("page") ?? 0);
    return {
      json: {
        items: [{ key: `k${page}` }],
        prefixes: [],
        revision: 7,
        ...(page < 9 ? { nextPage: `${page + 1}` } : {}),
      },
    };
  });
  using collection = follow(daemon, PAGES);
  await until("the first", () => names(collection) === "k0");
  for (const page of [1, 2]) {
    collection.more();
    await until("the next", () => collection.items.length === page + 1);
  }
  collection.changes.subscribe(() => sizes.push(collection.items.length));
  const before = stream;
  stream = new Stream();
  const asked = daemon.requests.length;
  before.end("conflict", "compacted");
  await until(
    "read and followed again",
    () => daemon.requests.slice(asked).filter((one) => one.includes("watch=1")).length === 1,
  );
  assert.equal(names(collection), "k0 k1 k2");
  assert.ok(
    sizes.every((size) => size === 3),
    `${sizes}`,
  );
  assert.equal(collection.hasMore, true);
});

test("of what is kept to a number the oldest goes", async () => {
  const stream = new Stream();
  const daemon = new FakeDaemon((target) =>
    target.includes("watch=1") ? { stream } : { json: { items: [{ name: "b" }, { name: "a" }], revision: 4 } },
  );
  using collection = follow(daemon, { kind: "watch", call: callOf(bucketRoutes.list), keep: 2 });
  await until("the newest came first", () => names(collection) === "a b");
  stream.send("put", "5", { name: "c" });
  await until("the oldest has gone", () => names(collection) === "b c");
});

test("what is only asked for says when that was, and stays when the daemon is away", async () => {
  const daemon = new FakeDaemon(() => ({ json: { items: [{ meta: { name: "a" } }], revision: 1 } }));
  using collection = follow(daemon, SNAPSHOT);
  await until("taken", () => collection.phase.state === "taken");
  daemon.down = true;
  await collection.refresh();
  assert.deepEqual([collection.phase.state, names(collection)], ["stale", "a"]);
  daemon.down = false;
  await collection.refresh();
  assert.deepEqual(collection.phase, { state: "taken", atMs: 1_000 });
});
