import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { callOf, type Source, snapshotOf } from "../screens/screen.ts";
import { FakeDaemon, Stream, until } from "../testing/fake-daemon.ts";
import { Collection } from "./collection.ts";

interface Item {
  readonly name: string;
}

const WATCH: Source<Item> = { kind: "watch", call: callOf(bucketRoutes.list) };
const PAGES = snapshotOf<typeof objectRoutes.list, Item>(
  "pages",
  objectRoutes.list,
  { params: { bucket: "box" } },
  ({ items }) => items.map(({ key }) => ({ name: key })),
);

function follow(daemon: FakeDaemon, source: Source<Item>): Collection<Item> {
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

test("pages come as they are asked for; a daemon that is away leaves what was there", async () => {
  const daemon = new FakeDaemon((target) => {
    const page = Number(new URLSearchParams(target.split("?")[1]).get("page") ?? 0);
    const items = [{ key: `k${page}` }];
    return { json: { items, prefixes: [], ...(page < 2 ? { nextPage: `${page + 1}` } : {}) } };
  });
  using collection = follow(daemon, PAGES);
  await until("the first", () => names(collection) === "k0");
  assert.deepEqual([collection.phase, collection.hasMore], [{ state: "taken", atMs: 1_000 }, true]);
  collection.more();
  collection.more();
  await until("one more, asked once", () => names(collection) === "k0 k1");
  collection.more();
  await until("all", () => names(collection) === "k0 k1 k2");
  assert.equal(collection.hasMore, false);
  daemon.down = true;
  await collection.refresh();
  assert.deepEqual([collection.phase.state, names(collection)], ["stale", "k0 k1 k2"]);
  daemon.down = false;
  await collection.refresh();
  assert.deepEqual([collection.phase.state, names(collection)], ["taken", "k0"]);
});
