import assert from "node:assert/strict";
import { test } from "node:test";
import { isError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { CLOUD, resourceKey } from "../domain/resource.ts";
import type { RouteMatch } from "../domain/route-match.ts";
import type { Store } from "../domain/store.ts";
import { openMemoryStore } from "../store/drivers/memory/memory.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { type NewRoute, RouteService } from "./routes.ts";

const is =
  (...ids: string[]) =>
  (error: unknown) =>
    ids.some((id) => isError(error, id as never));

async function createWorld() {
  const clock = createFakeClock();
  const random = createSimRandom(1);
  const store = openMemoryStore({ clock, random });
  for (const name of ["mia", "zoe"]) {
    const project = { kind: "project", meta: { uid: `${name}-uid`, name } };
    await store.transact({ then: [{ op: "put", key: resourceKey("project", CLOUD, name), value: project }] });
  }
  const routes = new RouteService({ store, clock, random });
  const create = (who: string, host: string, path = "/", more: Partial<NewRoute> = {}) => {
    const target = { to: "http://10.0.0.1", anyUpstream: false };
    return routes.create({ ...target, project: `${who}-uid`, projectName: who, host, path, ...more });
  };
  return { store, routes, create };
}

async function keys(store: Store): Promise<string[]> {
  const { entries } = await store.list({ prefix: "/" });
  return entries.map(({ key }) => key).filter((key) => !key.startsWith("/project/"));
}

test("a host name and all below it belong to the project that claimed it first", async () => {
  const { create } = await createWorld();
  await create("mia", "app.example.com");
  for (const host of ["app.example.com", "x.app.example.com", "*.app.example.com"]) {
    await assert.rejects(create("zoe", host), (error) => {
      return isError(error, "conflict") && !error.message.includes("mia") && !error.message.includes("app-example-com");
    });
  }
  await create("zoe", "zoe.example.com");
  await create("mia", "x.app.example.com");
  // Above what others have: they keep it, with what is below.
  await create("mia", "example.com");
  await create("zoe", "y.zoe.example.com");
  await assert.rejects(create("zoe", "other.example.com"), is("conflict"));
});

test("who may take any name gives names below a project's to others, and they are theirs then; the name itself stays", async () => {
  const { create, routes } = await createWorld();
  await create("zoe", "cloud.example");
  await assert.rejects(create("mia", "t1.cloud.example"), is("conflict"));
  await assert.rejects(
    create("mia", "t1.cloud.example", "/", { mayGive: (from) => from === "mia-uid" }),
    is("conflict"),
  );
  const asked: string[] = [];
  const mayGive = (from: string) => asked.push(from) > 0;
  await create("mia", "t1.cloud.example", "/", { mayGive });
  assert.deepEqual(asked, ["zoe-uid"]);
  await create("mia", "x.t1.cloud.example");
  for (const host of ["t1.cloud.example", "y.t1.cloud.example"])
    await assert.rejects(create("zoe", host), is("conflict"));
  await assert.rejects(create("mia", "cloud.example", "/a", { mayGive }), is("conflict"));
  // Given back, it is again below what it was below.
  await routes.delete("mia-uid", "x-t1-cloud-example");
  await routes.delete("mia-uid", "t1-cloud-example");
  await create("zoe", "t1.cloud.example");
});

test("a rate is not counted by a header that the gateway takes out", async () => {
  const { create, routes } = await createWorld();
  const rated = (by: string) => ({ guards: { limits: { rate: [{ by, requests: 1, per: "1m" }] } } });
  for (const by of ["header:X-Forwarded-For", "header:x-real-ip", "header:Host", "header:X-Request-Id"]) {
    await assert.rejects(create("mia", "a.example.com", "/", rated(by)), /takes it out, or reads it itself/, by);
  }
  await create("mia", "a.example.com", "/", { ...rated("header:X-Api-Key"), name: "a" });
  await assert.rejects(routes.update("mia-uid", "a", rated("header:forwarded")), is("invalid"));
  await routes.update("mia-uid", "a", rated("ip"));
});

test("two routes of a host differ in what they ask for, also when one is changed", async () => {
  const { create, routes, store } = await createWorld();
  const v2 = { headers: [{ name: "x", type: "exact", value: "v2" }] } as const;
  await create("mia", "a.example.com", "/api");
  await create("mia", "a.example.com", "/api", { match: v2, name: "v2" });
  await create("mia", "a.example.com", "/api", { match: { path: "exact" }, name: "exact" });
  await create("mia", "a.example.com", "/api", { match: { ...v2, path: "exact" }, name: "both" });
  await assert.rejects(create("mia", "a.example.com", "/api", { match: v2, name: "again" }), is("conflict/exists"));
  const move = (name: string, path: string, match: RouteMatch | undefined) =>
    routes.update("mia-uid", name, { place: { path, match } });
  await assert.rejects(move("exact", "/api", v2), is("conflict/exists"));
  await assert.rejects(move("exact", "/api", undefined), is("conflict/exists"));
  // What is left is free, what is taken is not.
  const moved = await move("exact", "/new", undefined);
  assert.deepEqual(moved.route.spec, {
    host: "a.example.com",
    path: "/new",
    to: "http://10.0.0.1",
    anyUpstream: false,
  });
  await create("mia", "a.example.com", "/api", { match: { path: "exact" }, name: "exact-2" });
  await assert.rejects(create("mia", "a.example.com", "/new", { name: "new" }), is("conflict/exists"));
  // To where it is: nothing is in the way.
  await move("v2", "/api", v2);
  for (const name of ["a-example-com-api", "v2", "exact", "both", "exact-2"]) await routes.delete("mia-uid", name);
  assert.deepEqual(await keys(store), []);
});

test("of two changes that take one place at once one is refused", async () => {
  const { create, routes, store } = await createWorld();
  for (const name of ["one", "two"]) await create("mia", "a.example.com", `/${name}`, { name });
  const move = (name: string) => routes.update("mia-uid", name, { place: { path: "/same", match: undefined } });
  const results = await Promise.allSettled([
    move("one"),
    move("two"),
    create("mia", "a.example.com", "/same", { name: "three" }),
  ]);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal((await keys(store)).filter((key) => key === "/unique/route/a.example.com/same").length, 1);
});

test("a project has so many patterns, and may change those that it has", async () => {
  const { create, routes } = await createWorld();
  const match = { path: "regex" } as const;
  const most = LIMITS.gateway.maxPatternRoutesPerProject;
  for (let n = 0; n < most; n++) await create("mia", "a.example.com", `^/${n}`, { match, name: `p${n}` });
  await assert.rejects(create("mia", "a.example.com", "^/x", { match, name: "x" }), is("exhausted/quota"));
  await create("mia", "a.example.com", "/x", { name: "x" });
  await assert.rejects(routes.update("mia-uid", "x", { place: { path: "^/x", match } }), is("exhausted/quota"));
  await routes.update("mia-uid", "p0", { place: { path: "^/x", match } });
  await create("zoe", "z.example.com", "^/x", { match, name: "x" });
});

test("a host name is free again when the last route to it goes", async () => {
  const { create, routes, store } = await createWorld();
  await create("mia", "example.com");
  await create("mia", "example.com", "/api");
  await create("mia", "*.example.com");
  await routes.delete("mia-uid", "example-com");
  await routes.delete("mia-uid", "any-example-com");
  await assert.rejects(create("zoe", "example.com"), is("conflict"));
  await routes.delete("mia-uid", "example-com-api");
  assert.deepEqual(await keys(store), []);
  await create("zoe", "example.com");
});

test("two routes to one place, or of one name, are refused", async () => {
  const { create } = await createWorld();
  await create("mia", "example.com", "/", { name: "site" });
  await assert.rejects(create("mia", "example.com"), (error) => {
    return isError(error, "conflict/exists") && error.message.includes("site");
  });
  await assert.rejects(create("mia", "example.org", "/", { name: "site" }), is("conflict/exists"));
  // Of the very name that it would get, too: another name would not help.
  await create("mia", "shop.example.com");
  await assert.rejects(create("mia", "shop.example.com"), (error) => {
    return (
      isError(error, "conflict/exists") && /^To lead it elsewhere: skerry route update shop-/.test(error.hint ?? "")
    );
  });
  await create("zoe", "example.org", "/", { name: "site" });
  await assert.rejects(create("mia", "example.net", "/", { name: "No" }), is("invalid"));
});

test("a route changes where it leads, and only as it was seen", async () => {
  const { create, routes } = await createWorld();
  const { revision } = await create("mia", "example.com");
  const target = { to: "bucket/site", anyUpstream: true };
  const changed = await routes.update("mia-uid", "example-com", { target, revision });
  const before = { previousTo: "http://10.0.0.1" };
  assert.deepEqual(changed.route.spec, { host: "example.com", path: "/", ...target, ...before });
  assert.equal(changed.route.meta.generation, 2);
  await assert.rejects(routes.update("mia-uid", "example-com", { target, revision }), is("conflict/precondition"));
  await assert.rejects(routes.update("zoe-uid", "example-com", { target }), is("not_found"));
});

test("nothing comes into a project that is being deleted, or beyond what one may have", async () => {
  const { create, store } = await createWorld();
  for (let n = 0; n < LIMITS.gateway.maxRoutesPerProject; n++) await create("mia", `h${n}.example.com`);
  await assert.rejects(create("mia", "one.too.many"), is("exhausted/quota"));
  const key = resourceKey("project", CLOUD, "zoe");
  const project = { kind: "project", meta: { uid: "zoe-uid", name: "zoe", deletingSince: "now" } };
  await store.transact({ then: [{ op: "put", key, value: project }] });
  await assert.rejects(create("zoe", "zoe.example.org"), is("not_found"));
});

test("of many at once for one name one gets it, and what the others hold is whole", async () => {
  const { create, routes, store } = await createWorld();
  const who = ["mia", "zoe"];
  const tries = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => create(who[n % 2] ?? "", "example.com", `/${n}`)),
  );
  const winners = new Set(tries.flatMap((t) => (t.status === "fulfilled" ? [t.value.route.meta.project] : [])));
  assert.equal(winners.size, 1);
  const [winner = ""] = winners;
  for (const { key } of (await store.list({ prefix: "/route/" })).entries) {
    await routes.delete(winner, key.split("/").at(-1) ?? "");
  }
  assert.deepEqual(await keys(store), []);
});

test("200 routes at once, of two projects, under few host names: all are made, and all are gone after as many deletes", async () => {
  const { create, routes, store } = await createWorld();
  const each = Array.from({ length: 100 }, (_, i) => i);
  const hostOf = (who: string, i: number) => `${i % 3 === 0 ? "" : "www."}${who}.example.com`;
  const made = await Promise.all(
    ["mia", "zoe"].flatMap((who) => each.map((i) => create(who, hostOf(who, i), `/${i}`, { name: `${who}-${i}` }))),
  );
  assert.equal(new Set(made.map(({ revision }) => revision)).size, 200);
  assert.equal((await keys(store)).filter((key) => key.startsWith("/route/")).length, 200);
  const mixed = each.flatMap((i) => [
    routes.delete("mia-uid", `mia-${i}`),
    routes.update("zoe-uid", `zoe-${i}`, { labels: { i: `${i}` } }),
  ]);
  await Promise.all(mixed);
  await Promise.all(each.map((i) => routes.delete("zoe-uid", `zoe-${i}`)));
  assert.deepEqual(await keys(store), []);
});

test("projects that want one free host name at the same time: one has it", async () => {
  const { create } = await createWorld();
  const results = await Promise.allSettled(
    ["mia", "zoe", "mia", "zoe"].map((who, i) => create(who, "one.example.com", `/${i}`)),
  );
  const owners = results.map(({ status }) => status === "fulfilled");
  assert.ok(owners[0] === owners[2] && owners[1] === owners[3] && owners[0] !== owners[1], `${owners}`);
  for (const result of results) if (result.status === "rejected") assert.ok(is("conflict")(result.reason));
});

test("as many routes as one project may have, and not one more, however many come at once", async () => {
  const { create, store } = await createWorld();
  const limit = LIMITS.gateway.maxRoutesPerProject;
  const tries = Array.from({ length: limit + 20 }, (_, i) => create("mia", "app.example.com", `/${i}`));
  const results = await Promise.allSettled(tries);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, limit);
  assert.equal((await store.list({ prefix: "/route/" })).entries.length, limit);
});

test("a port belongs to the project whose route named it first, until its last route goes", async () => {
  const { create, routes, store } = await createWorld();
  const at = (who: string, listen: string, host = "") => create(who, host, "/", { listen, to: "tcp://10.0.0.1:5432" });
  assert.equal((await at("mia", "tcp://:9000")).route.meta.name, "tcp-9000");
  for (const listen of ["tcp://:9000", "ssh://:9000"]) {
    await assert.rejects(
      at("zoe", listen),
      (error) => isError(error, "conflict") && !/mia|tcp-9000/.test(String(error)),
    );
  }
  await assert.rejects(at("zoe", "tls://zoe.example.com:9000", "zoe.example.com"), is("conflict"));
  await assert.rejects(at("mia", "tcp://:9000"), is("conflict/exists"));
  await at("zoe", "udp://:9000");
  await at("mia", "ssh://:9000");
  await routes.delete("mia-uid", "tcp-9000");
  await assert.rejects(at("zoe", "tcp://:9000"), is("conflict"));
  await routes.delete("mia-uid", "ssh-9000");
  await at("zoe", "tcp://:9000");
  await routes.delete("zoe-uid", "tcp-9000");
  await routes.delete("zoe-uid", "udp-9000");
  assert.deepEqual(await keys(store), []);
});

test("the name of a handshake is claimed as a host is; two projects that want a port at once do not both get it", async () => {
  const { create } = await createWorld();
  const tls = (who: string) =>
    create(who, "db.example.com", "/", { listen: "tls://db.example.com", to: "tcp://10.0.0.1:5432" });
  await create("mia", "example.com");
  await assert.rejects(tls("zoe"), is("conflict"));
  await tls("mia");
  await create("mia", "db.example.com");
  const at = (who: string) => create(who, "", "/", { listen: "tcp://:9001", to: "tcp://10.0.0.1:1" });
  const both = await Promise.allSettled([at("mia"), at("zoe")]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

test("whether the backend is told who asks is changed, and taken back", async () => {
  const { create, routes } = await createWorld();
  await create("mia", "", "/", { listen: "tcp://:9002", to: "tcp://10.0.0.1:1", proxyProtocol: "v2" });
  const change = async (next: Parameters<typeof routes.update>[2]) =>
    (await routes.update("mia-uid", "tcp-9002", next)).route.spec.proxyProtocol;
  assert.equal(await change({}), "v2");
  assert.equal(await change({ proxyProtocol: "v1" }), "v1");
  assert.equal(await change({ proxyProtocol: "none" }), undefined);
});

test("what is spoken with an upstream is kept, changed, and left out when it is chosen by itself", async () => {
  const { routes, create } = await createWorld();
  await create("mia", "app.example.com", "/", { protocol: "h2" });
  const change = async (next: Parameters<typeof routes.update>[2]) =>
    (await routes.update("mia-uid", "app-example-com", next)).route.spec.protocol;
  assert.equal(await change({ labels: { a: "b" } }), "h2");
  assert.equal(await change({ target: { to: "http://10.0.0.2", anyUpstream: false } }), "h2");
  assert.equal(await change({ protocol: "http/1.1" }), "http/1.1");
  const h2c = { target: { to: "h2c://10.0.0.2", anyUpstream: false } };
  await assert.rejects(change(h2c), is("invalid"));
  assert.equal(await change({ protocol: "auto" }), undefined);
  assert.equal(await change(h2c), undefined);
  await assert.rejects(change({ protocol: "http/1.1" }), is("invalid"));
  const more = { to: "h2c://10.0.0.2", protocol: "http/1.1" } as const;
  await assert.rejects(create("mia", "other.example.com", "/", more), is("invalid"));
});
