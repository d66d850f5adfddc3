/** Looking at changes of the gateway before they are made, and going back. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { bindingRoutes, projectRoutes } from "@skerry/core/contract/api/project.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import type { RouteBody } from "@skerry/core/contract/route.ts";
import type { SkerryError } from "@skerry/core/domain/errors.ts";
import {
  back,
  changeRoute,
  everything,
  newcomer,
  newest,
  preview,
  refusal,
  route,
  upstream,
} from "../testing/gateway-calls.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.[Symbol.asyncDispose]());

const OF_ROUTE = {
  ...{ path: "/app", match: { methods: ["GET"], headers: [{ name: "x-a", type: "exact", value: "1" }] } },
  ...{ tags: ["eu"], timeouts: { headMs: 5000 }, retries: { attempts: 3 }, rewrite: { prefix: "/" } },
  ...{ headers: { request: { set: { "x-b": "2" } } }, hostHeader: "{host}", cors: { origins: ["https://a.example"] } },
  ...{ compress: { minBytes: 100 }, cache: { ttl: 10 }, redirectHttps: true, priority: "low" },
  ...{ access: { allow: ["iplist/office"] }, limits: { inFlight: 5 } },
} as const;
const OF_UPSTREAM: RouteBody<typeof upstreamRoutes.update>["spec"] = {
  ...{ balance: { method: "hash", on: "path" }, sticky: { by: "cookie" }, protocol: "h2" },
  ...{ health: { path: "/up" }, ejection: {}, breaker: { failures: 3 }, slowStartMs: 1000 },
};

test("all that can be said comes and goes by going back, in one step, which is in the history", async () => {
  const { client, name } = await newcomer(cluster);
  await upstream(client, "web", { backends: [{ name: "a", to: "http://198.51.100.9", tags: ["eu"] }] });
  await route(client, "app", "all.example.com", { to: "upstream/web" });
  const bare = await everything(client);
  const from = await newest(client);
  await client.call(ipListRoutes.create, { body: { name: "office", spec: { entries: "192.0.2.0/24" } } });
  await changeRoute(client, "app", OF_ROUTE);
  await client.call(upstreamRoutes.update, {
    params: { name: "web" },
    body: { spec: OF_UPSTREAM, labels: { a: "b" } },
  });
  const full = await everything(client);
  const to = await newest(client);
  assert.equal(to, from + 3);
  const { generation, changes } = await back(client, from);
  assert.equal(generation, to + 1, "one generation");
  assert.deepEqual(
    changes.map(({ kind, name, result }) => `${kind}/${name} ${result}`),
    ["iplist/office deleted", "upstream/web updated", "route/app updated"],
  );
  assert.deepEqual(await everything(client), bare);
  await back(client, to);
  assert.deepEqual(await everything(client), full);
  const { items } = await client.call(gatewayRoutes.history, { query: { limit: 2 } });
  assert.deepEqual(
    items.map((one) => [one.generation, one.action, one.backTo, one.author.name, one.changes.length]),
    [
      [to + 2, "gateway.rollback", to, name, 3],
      [to + 1, "gateway.rollback", from, name, 3],
    ],
  );
  const shown = await client.call(gatewayRoutes.generation, { params: { generation: to + 1 } });
  const app = shown.changes.find(({ name }) => name === "app");
  assert.deepEqual([app?.before?.["priority"], app?.after?.["priority"]], ["low", undefined]);
  assert.equal((await back(client, to + 2)).generation, to + 2, "nothing differs: nothing is done");
});

test("what was removed is made again, what took its name or its place gives way, and places are exchanged", async () => {
  const { client } = await newcomer(cluster);
  await route(client, "one", "places.example.com", { path: "/1", to: "http://198.51.100.1" });
  await route(client, "two", "places.example.com", { path: "/2", to: "http://198.51.100.2" });
  await route(client, "host", "was.example.com");
  await route(client, "tcp", "gone.example.com");
  const as = await everything(client);
  const from = await newest(client);
  await changeRoute(client, "one", { path: "/3" });
  await changeRoute(client, "two", { path: "/1" });
  await changeRoute(client, "one", { path: "/2" });
  await client.call(routeRoutes.delete, { params: { name: "tcp" } });
  await client.call(routeRoutes.delete, { params: { name: "host" } });
  await route(client, "host", "is.example.com");
  await route(client, "thief", "gone.example.com");
  const now = await everything(client);
  const to = await newest(client);
  await back(client, from);
  assert.deepEqual(await everything(client), as);
  await back(client, to);
  assert.deepEqual(await everything(client), now);
  await back(client, 0);
  assert.deepEqual(await everything(client), {});
  // Names of hosts are free again, or taken, as after the calls themselves.
  const other = (await newcomer(cluster)).client;
  await route(other, "mine", "places.example.com");
  const refused = await refusal(back(client, from));
  assert.equal(refused.code, "conflict");
  assert.match(refused.message, /^route (one|two): The host places\.example\.com is taken/);
  assert.deepEqual(await everything(client), {}, "all or nothing");
});

test("going back touches no other project, and nobody's who may not", async () => {
  const [mia, zoe] = [await newcomer(cluster), await newcomer(cluster)];
  await route(mia.client, "app", "mia.example.com");
  await route(zoe.client, "app", "zoe.example.com");
  await changeRoute(zoe.client, "app", { to: "http://198.51.100.7" });
  const [ofMia, ofZoe] = [await everything(mia.client), await everything(zoe.client)];
  await changeRoute(mia.client, "app", { to: "http://198.51.100.8" });
  await back(mia.client, 1);
  assert.deepEqual([await everything(mia.client), await everything(zoe.client)], [ofMia, ofZoe]);
  assert.equal(await newest(zoe.client), 2);
  const of = { project: mia.name };
  for (const call of [
    () => back(zoe.client, 0, of),
    () => preview(zoe.client, { backTo: 0, ...of }),
    () => zoe.client.call(gatewayRoutes.history, { query: of }),
    () => zoe.client.call(gatewayRoutes.generation, { params: { generation: 1 }, query: of }),
  ]) {
    assert.equal((await refusal(call())).code, "not_found");
  }
  await cluster.admin.call(bindingRoutes.create, { body: { project: mia.name, user: zoe.name, role: "viewer" } });
  assert.equal((await refusal(back(zoe.client, 0, of))).code, "forbidden");
  assert.equal((await zoe.client.call(gatewayRoutes.history, { query: of })).newest, 3);
});

test("who goes back needs the right to each thing, and sees of the history what he may", async () => {
  const { client, name } = await newcomer(cluster);
  const { uid } = (await client.call(projectRoutes.get, { params: { name } })).meta;
  await upstream(client, "web");
  await route(client, "app", "rights.example.com");
  const from = await newest(client);
  await changeRoute(client, "app", { to: "http://198.51.100.3" });
  const scopes = { [`gateway.${uid}.routes`]: ["*" as const] };
  const token = await client.call(tokenRoutes.create, { body: { name: "routes", scopes } });
  const narrow = cluster.client(token.secret);
  const { items } = await narrow.call(gatewayRoutes.history, {});
  assert.deepEqual(
    items.map(({ generation }) => generation),
    [3, 2],
  );
  const { generation } = await back(narrow, from);
  assert.equal(generation, 4);
  await client.call(upstreamRoutes.delete, { params: { name: "web" } });
  const refused = await refusal(back(narrow, from));
  assert.equal(refused.code, "forbidden");
  assert.doesNotMatch(refused.message, /web/);
  assert.deepEqual((await narrow.call(gatewayRoutes.generation, { params: { generation: 5 } })).changes, []);

  // Where an admin had led it, to a place that he alone may reach.
  const lead = (to: string) =>
    cluster.admin.call(routeRoutes.update, {
      params: { name: "app" },
      query: { project: name },
      body: { spec: { to } },
    });
  await lead("http://127.0.0.1:9");
  const guarded = await newest(client);
  await changeRoute(client, "app", { path: "/x" });
  await back(client, guarded);
  await changeRoute(client, "app", { to: "http://198.51.100.4" });
  const denied = await refusal(back(client, guarded));
  assert.deepEqual([denied.code, denied.details], ["forbidden", { permission: "gateway.upstreams:any" }]);
});

test("keys of certificates that are gone are named before anything is changed, and never shown", async () => {
  const { client } = await newcomer(cluster);
  const folder = join(import.meta.dirname, "../../../../fixtures/gateway/tls");
  const [certificate, key] = await Promise.all(
    ["certificate.pem", "key.pem"].map((file) => readFile(join(folder, file), "utf8")),
  );
  const bring = () =>
    client.call(certificateRoutes.create, {
      body: { name: "bought", spec: { certificate: certificate ?? "", key: key ?? "" } },
    });
  await bring();
  await route(client, "app", "certified.example.com");
  const from = await newest(client);
  await changeRoute(client, "app", { to: "http://198.51.100.3" });
  await client.call(certificateRoutes.delete, { params: { name: "bought" } });
  const before = await everything(client);
  for (const work of [() => back(client, from), () => preview(client, { backTo: from })]) {
    const refused = await refusal(work());
    assert.equal(refused.code, "conflict");
    assert.match(refused.message, /bought cannot be put back.*Nothing was changed/);
    assert.match(refused.hint ?? "", /skerry certificate create bought --cert FILE --key FILE/);
  }
  assert.deepEqual(await everything(client), before);
  await bring();
  await back(client, from);
  const shown = JSON.stringify([
    await client.call(gatewayRoutes.generation, { params: { generation: 1 } }),
    await client.call(gatewayRoutes.generation, { params: { generation: 4 } }),
  ]);
  assert.match(shown, /BEGIN CERTIFICATE/);
  assert.doesNotMatch(shown, /sealedKey|PRIVATE KEY/);
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
  const wrong = [{ kind: "certificate" as const, name: "bought", spec: { key: String(other) } }];
  assert.match((await refusal(preview(client, { changes: wrong }))).message, /^certificate bought: /);
});

test("somebody else's change in between ends a rollback, which then has done nothing", async () => {
  const { client } = await newcomer(cluster);
  await route(client, "app", "between.example.com");
  await changeRoute(client, "app", { to: "http://198.51.100.3" });
  assert.equal((await refusal(back(client, 1, { newest: 1 }))).reason, "precondition");
  const all = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) =>
      n % 2 === 0 ? back(client, 1, { newest: 2 }) : changeRoute(client, "app", { to: `http://198.51.100.1${n}` }),
    ),
  );
  for (const one of all) {
    if (one.status === "rejected") assert.equal((one.reason as SkerryError).reason, "precondition", `${one.reason}`);
  }
  const { items } = await client.call(gatewayRoutes.history, { query: { limit: 100 } });
  assert.ok(items.filter(({ backTo }) => backTo !== undefined).length <= 1, "the others had seen an older state");
  for (const { backTo, generation } of items) if (backTo !== undefined) assert.equal(generation, 3);
});

test("a list that was too long to be kept is named before anything is changed", async () => {
  const { client } = await newcomer(cluster);
  const long = Array.from({ length: 24_000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`).join("\n");
  await client.call(ipListRoutes.create, { body: { name: "long", spec: { entries: long } } });
  await route(client, "app", "long.example.com");
  await client.call(ipListRoutes.update, { params: { name: "long" }, body: { spec: { entries: "10.0.0.0/8" } } });
  await changeRoute(client, "app", { to: "http://198.51.100.3" });
  const before = await everything(client);
  const refused = await refusal(back(client, 2));
  assert.equal(refused.code, "conflict");
  assert.match(refused.message, /^What iplist long was is too large to be kept.*Nothing was changed/);
  assert.deepEqual(await everything(client), before);
  assert.equal((await back(client, 3)).generation, 5, "since then it is the same");
  const shown = await client.call(gatewayRoutes.generation, { params: { generation: 3 } });
  assert.match(String(shown.changes[0]?.before?.["sha256"]), /^[0-9a-f]{64}$/);
});

test("several changes at once are one generation, or nothing when one of them is refused", async () => {
  const { client } = await newcomer(cluster);
  await route(client, "app", "once.example.com");
  const all = (...changes: RouteBody<typeof gatewayRoutes.change>["changes"]) =>
    client.call(gatewayRoutes.change, { body: { changes } });
  const web = {
    kind: "upstream",
    name: "web",
    spec: { backends: [{ name: "a", to: "http://198.51.100.9" }] },
  } as const;
  const lead = { kind: "route", name: "app", labels: { a: "b" }, spec: { to: "upstream/web" } } as const;
  const before = await everything(client);
  const refused = await refusal(all(web, lead, { kind: "iplist", name: "bad", spec: { entries: "10.0.0.0/33" } }));
  assert.match(refused.message, /^iplist bad: /);
  assert.deepEqual([await everything(client), await newest(client)], [before, 1]);
  const { generation } = await all(web, lead);
  assert.deepEqual([generation, await newest(client)], [2, 2]);
  const { items } = await client.call(gatewayRoutes.history, { query: { limit: 1 } });
  assert.deepEqual([items[0]?.action, items[0]?.changes.length], ["gateway.change", 2]);
  assert.equal((await all(lead)).generation, 2, "it is so already");
  const many = await Promise.all(
    Array.from({ length: 5 }, (_, n) => all({ kind: "iplist", name: `l${n}`, spec: { entries: "192.0.2.0/24" } })),
  );
  assert.deepEqual(many.map((one) => one.generation).toSorted(), [3, 4, 5, 6, 7], "others' changes only make it wait");
});

test("a project takes its history with it", async () => {
  const { admin } = cluster;
  const project = "short-lived";
  await admin.call(projectRoutes.create, { body: { name: project } });
  const spec = { host: "short.example.com", to: "http://198.51.100.1" };
  await admin.call(routeRoutes.create, { body: { name: "app", project, spec } });
  await admin.call(routeRoutes.delete, { params: { name: "app" }, query: { project } });
  assert.equal((await admin.call(gatewayRoutes.history, { query: { project } })).newest, 2);
  await admin.call(projectRoutes.delete, { params: { name: project } });
  await admin.call(projectRoutes.create, { body: { name: project } });
  assert.deepEqual(await admin.call(gatewayRoutes.history, { query: { project } }), {
    items: [],
    newest: 0,
    oldest: 1,
  });
});
