import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ContainerEndpoint, ContainerEndpoints } from "../domain/compute.ts";
import { SkerryError } from "../domain/errors.ts";
import type { RouteSpec } from "../domain/gateway.ts";
import { resourceKey } from "../domain/resource.ts";
import { openMemoryStore } from "../store/drivers/memory/memory.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { createCollectingLogger } from "../testing/sim-telemetry.ts";
import { LiveTable } from "./live-table.ts";
import type { TableChange } from "./table-change.ts";

const UID = "b".repeat(26);

class FakeContainers implements ContainerEndpoints {
  readonly #all = new Map<string, ContainerEndpoint>();
  readonly #listeners = new Set<(project: string, name: string) => void>();

  find(project: string, name: string): ContainerEndpoint | undefined {
    return this.#all.get(`${project}/${name}`);
  }

  subscribe(listener: (project: string, name: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  set(project: string, name: string, endpoint: ContainerEndpoint): void {
    this.#all.set(`${project}/${name}`, endpoint);
    for (const listener of this.#listeners) listener(project, name);
  }
}

async function createWorld(t: TestContext) {
  const clock = createFakeClock();
  const store = openMemoryStore({ clock, random: createSimRandom(1) });
  const changes: TableChange[] = [];
  const log = createCollectingLogger();
  const containers = new FakeContainers();
  const table = new LiveTable({
    ...{ store, clock, log, sitesSocket: "/run/web.sock" },
    containers,
    certificates: { keys: [], put: () => [], drop: () => [], clientPair: () => "" },
    onChange: (change) => changes.push(change),
  });
  t.after(() => table[Symbol.asyncDispose]());
  const put = async (kind: "route" | "bucket" | "upstream", name: string, value: object, project = "mia") => {
    const meta = { uid: kind === "bucket" ? UID : `${project}-${name}`, name, project };
    const key = resourceKey(kind, project, name);
    const op = { op: "put", key, value: { kind, meta, spec: value } as never } as const;
    return (await store.transact({ then: [op] })).revision;
  };
  const route = (name: string, to: string, more: Partial<RouteSpec> = {}) =>
    put("route", name, { host: `${name}.example`, path: "/", to, anyUpstream: false, ...more });
  const remove = async (kind: "route" | "bucket" | "upstream", name: string) =>
    (await store.transact({ then: [{ op: "delete", key: resourceKey(kind, "mia", name) }] })).revision;
  const settled = (revision: number) => table.settled(revision, AbortSignal.timeout(10_000));
  return { store, table, changes, log, containers, put, route, remove, settled };
}

const until = async (what: string, holds: () => boolean) => {
  for (let n = 0; !holds(); n++) {
    assert.ok(n < 1000, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test("what is there at the start is there, what changes is told", async (t) => {
  const { table, changes, route, remove, settled } = await createWorld(t);
  await route("old", "http://10.0.0.1:81/base");
  await table.start();
  assert.deepEqual(table.entries, [
    {
      ...{ id: "mia-old", name: "old", project: "mia", host: "old.example", path: "/" },
      upstream: {
        id: "mia-old",
        backends: [{ kind: "tcp", host: "10.0.0.1", port: 81, tls: false, basePath: "/base" }],
        reach: "restricted",
      },
    },
  ]);
  changes.length = 0;
  await settled(await route("new", "https://example.org"));
  assert.deepEqual(table.entry("mia-new")?.upstream.backends, [
    { kind: "tcp", host: "example.org", port: 443, tls: true, basePath: "", hostHeader: "example.org" },
  ]);
  await settled(await route("new", "h2c://10.0.0.1/base"));
  assert.deepEqual(table.entry("mia-new")?.upstream.backends, [
    { kind: "tcp", host: "10.0.0.1", port: 80, tls: false, basePath: "/base", protocol: "h2" },
  ]);
  await settled(await route("new", "https://example.org", { protocol: "http/1.1" }));
  assert.match(JSON.stringify(table.entry("mia-new")?.upstream.backends), /"protocol":"http\/1.1"/);
  await settled(await remove("route", "old"));
  assert.deepEqual(
    changes.map(({ put, remove: gone }) => [put.map(({ id }) => id), gone]),
    [
      [["mia-new"], []],
      [["mia-new"], []],
      [["mia-new"], []],
      [[], ["mia-old"]],
    ],
  );
  assert.equal(table.projectOf("new.example"), "mia");
  assert.equal(table.projectOf("old.example"), undefined);
});

test("a wildcard serves every name below it, and not its own", async (t) => {
  const { table, route, settled } = await createWorld(t);
  await table.start();
  await settled(await route("any", "http://10.0.0.1", { host: "*.example.com" }));
  for (const host of ["a.example.com", "a.b.example.com"]) assert.equal(table.projectOf(host), "mia", host);
  for (const host of ["example.com", "com", "", "xexample.com"]) assert.equal(table.projectOf(host), undefined, host);
});

test("a route to a bucket follows it, and shows no other project's that is not public", async (t) => {
  const { table, put, route, remove, settled } = await createWorld(t);
  await table.start();
  await settled(await route("site", "bucket/pages", { path: "/docs" }));
  const state = () =>
    table.entry("mia-site")?.upstream.reason ?? JSON.stringify(table.entry("mia-site")?.upstream.backends);
  assert.equal(state(), "there is no bucket pages");
  await put("bucket", "pages", { visibility: "private" });
  const there = JSON.stringify([{ kind: "unix", path: "/run/web.sock", basePath: `/${UID}/5` }]);
  await until("the bucket is seen", () => state() === there);
  await remove("bucket", "pages");
  await until("the bucket is gone", () => state() === "there is no bucket pages");
  await put("bucket", "pages", { visibility: "private" }, "zoe");
  await put("bucket", "other", { visibility: "private" });
  await until("both are seen", () => table.entry("mia-site") !== undefined);
  assert.equal(state(), "there is no bucket pages");
  await put("bucket", "pages", { visibility: "public" }, "zoe");
  await until("it is public", () => state() === there);
});

test("a route to a container follows it", async (t) => {
  const { table, changes, containers, route, settled } = await createWorld(t);
  await table.start();
  await settled(await route("web", "container/web:80"));
  changes.length = 0;
  const upstream = () => table.entry("mia-web")?.upstream;
  assert.equal(upstream()?.reason, "there is no container web");
  containers.set("mia", "web", { state: "running", address: "10.199.0.2" });
  assert.deepEqual(upstream(), {
    id: "mia-web",
    backends: [{ kind: "tcp", host: "10.199.0.2", port: 80, tls: false, basePath: "" }],
    reach: "any",
  });
  containers.set("mia", "web-2", { state: "running", address: "10.199.0.3" });
  containers.set("zoe", "web", { state: "running", address: "10.199.0.4" });
  assert.equal(changes.length, 1, "other containers change nothing");
  containers.set("mia", "web", { state: "down", reason: "the container web has ended" });
  assert.equal(upstream()?.reason, "the container web has ended");
});

test("routes to an upstream follow it, its containers, and each backend's own reach", async (t) => {
  const { table, changes, containers, put, route, remove, settled } = await createWorld(t);
  const backend = (name: string, to: string, more = {}) => ({
    ...{ name, to, weight: 1, tags: [], drain: false, anyUpstream: false },
    ...more,
  });
  await table.start();
  await route("all", "upstream/web");
  await settled(await route("gpu", "upstream/web", { tags: ["gpu"] }));
  const upstream = (name = "mia-all") => table.entry(name)?.upstream;
  assert.deepEqual(upstream(), { backends: [], reason: "there is no upstream web", reach: "restricted" });
  const a = backend("a", "http://10.0.0.1", { weight: 3, anyUpstream: true });
  const b = backend("b", "container/web:80", { tags: ["eu", "gpu"] });
  await put("upstream", "web", { backends: [backend("z", "http://10.9.9.9")] }, "zoe");
  await settled(await put("upstream", "web", { backends: [a, b] }));
  const compiledA = {
    ...{ kind: "tcp", host: "10.0.0.1", port: 80, tls: false, basePath: "" },
    ...{ name: "a", weight: 3, reach: "any" },
  };
  assert.deepEqual(upstream(), { id: "mia-web", backends: [compiledA], reach: "restricted" });
  assert.equal(upstream("mia-gpu")?.reason, "the upstream web has no backend: there is no container web");
  containers.set("mia", "web", { state: "running", address: "10.199.0.2" });
  const compiledB = {
    ...{ kind: "tcp", host: "10.199.0.2", port: 80, tls: false, basePath: "" },
    ...{ name: "b", reach: "any" },
  };
  assert.deepEqual(upstream()?.backends, [compiledA, compiledB]);
  assert.deepEqual(upstream("mia-gpu")?.backends, [compiledB], "tags leave the others out");
  changes.length = 0;
  await settled(await put("upstream", "web", { backends: [a, { ...b, drain: true }] }));
  assert.equal(changes.length, 1, "all routes to it change at once");
  assert.equal(upstream("mia-gpu")?.reason, "the upstream web is drained");
  assert.equal(upstream()?.reason, undefined);
  await settled(await put("upstream", "web", { backends: [{ ...a, anyUpstream: false }] }));
  assert.equal(upstream()?.backends[0]?.reach, undefined, "restricted, as the upstream is");
  assert.match(upstream("mia-gpu")?.reason ?? "", /no backend of the upstream web has the tags gpu/);
  await settled(await remove("upstream", "web"));
  assert.equal(upstream()?.reason, "there is no upstream web");
});

test("what one transaction changes is told at once, whatever kinds it is of", async (t) => {
  const { store, table, changes, put, route, settled } = await createWorld(t);
  await table.start();
  await put("upstream", "web", { backends: [] });
  await settled(await route("old", "upstream/web"));
  changes.length = 0;
  const of = (kind: "route" | "upstream" | "iplist", name: string, spec: object) => {
    const value = { kind, meta: { uid: `mia-${name}`, name, project: "mia" }, spec };
    return { op: "put", key: resourceKey(kind, "mia", name), value: value as never } as const;
  };
  const backend = { name: "a", to: "http://10.0.0.1", weight: 1, tags: [], drain: false, anyUpstream: false };
  const place = { path: "/", anyUpstream: false, access: { allow: ["iplist/office"] } };
  const then = [
    of("route", "new", { ...place, host: "new.example", to: "upstream/web" }),
    of("upstream", "web", { backends: [backend] }),
    of("iplist", "office", { entries: "192.0.2.0/24" }),
    { op: "delete", key: resourceKey("route", "mia", "old") } as const,
  ];
  await settled((await store.transact({ then })).revision);
  assert.equal(changes.length, 1);
  const [{ put: made, remove, putLists } = { put: [], remove: [], putLists: [] }] = changes;
  assert.deepEqual(
    [made.map(({ id }) => id), remove, putLists?.map(({ id }) => id)],
    [["mia-new"], ["mia-old"], ["mia-office"]],
  );
  assert.equal(made[0]?.upstream.backends.length, 1);
  assert.equal(made[0]?.upstream.reason, undefined);
});

test("a route that cannot be read leads nowhere and harms no other", async (t) => {
  const { table, log, route, settled } = await createWorld(t);
  await route("broken", "nonsense");
  await route("good", "http://10.0.0.1");
  await table.start();
  assert.deepEqual(
    table.entries.map(({ id }) => id),
    ["mia-good"],
  );
  assert.match(log.lines[0]?.message ?? "", /cannot be read/);
  await settled(await route("broken", "http://10.0.0.2"));
  assert.equal(table.entries.length, 2);
});

test("a watch that was too slow lists again, and what went meanwhile is told as gone", async (t) => {
  const { store, table, changes, route, remove, settled } = await createWorld(t);
  await route("gone", "http://10.0.0.1");
  const { watch } = store;
  let broken = 0;
  store.watch = (options) => {
    if (options.prefix !== "/" || broken++ > 0) return watch.call(store, options);
    return (async function* () {
      await remove("route", "gone");
      await route("came", "http://10.0.0.2");
      yield { type: "progress", revision: 1 } as const;
      throw new SkerryError("conflict/compacted", "too slow");
    })();
  };
  await table.start();
  await until("it has listed again", () => table.entry("mia-came") !== undefined);
  assert.equal(table.entry("mia-gone"), undefined);
  assert.ok(changes.some(({ remove: ids }) => ids.includes("mia-gone")));
  await settled(await route("later", "http://10.0.0.3"));
  assert.ok(table.entry("mia-later"));
});
