/** Going back over routes that are split, and over canaries, which the gateway moves on by itself. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { back, changeRoute, everything, newcomer, newest, preview, route, upstream } from "../testing/gateway-calls.ts";
import { until } from "../testing/raw-peers.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster({ argv: ["--gateway-workers", "1", "--listen-http", "127.0.0.1:0"] });
});
after(() => cluster?.[Symbol.asyncDispose]());

const variants = [
  { name: "stable", to: "http://198.51.100.1", weight: 90 },
  { name: "next", to: "http://198.51.100.2", weight: 10 },
];
const canary = { variant: "next", steps: [20, 50, 100], every: "1h", minRequests: 1000 };
const params = { name: "app" };

/** Phase, percent, and weights in their order. */
async function stateOf(client: Client) {
  const { spec, status } = await client.call(routeRoutes.get, { params });
  return [status?.canary?.phase, status?.canary?.percent, ...(spec.split?.variants ?? []).map(({ weight }) => weight)];
}

const turn = (client: Client, action: "start" | "pause" | "resume" | "promote" | "abort") =>
  client.call(routeRoutes.canary, { params, body: { action } });

test("splits, canaries and hedging come and go by going back, between all places that a route can lead to", async () => {
  const { client, name } = await newcomer(cluster);
  await upstream(client, "web", { backends: [{ name: "a", to: "http://198.51.100.9", tags: ["eu"] }] });
  await route(client, "app", `${name}.example.com`, { to: "upstream/web", tags: ["eu"], protocol: "auto" });
  const specs = [
    { split: { variants, sticky: { by: "cookie" } }, tags: [], hedge: { afterMs: 50 } },
    { redirect: { to: "https://a.example/" }, hedge: null },
    { split: { variants: [{ name: "web", to: "upstream/web", tags: ["eu"] }, ...variants] } },
    { canary },
    { to: "http://198.51.100.7" },
    { respond: { status: 204 } },
    { split: { variants }, canary: { ...canary, steps: [5] } },
  ];
  const states = new Map([[await newest(client), await everything(client)]]);
  for (const spec of specs) {
    await changeRoute(client, "app", spec);
    states.set(await newest(client), await everything(client));
  }
  await client.call(routeRoutes.delete, { params });
  states.set(await newest(client), await everything(client));
  const all = [...states];
  // Strides with which each comes after another one each time.
  assert.equal(all.length, 9);
  for (const stride of [1, 2, 4, 5, 7, 8]) {
    for (let n = 1; n <= all.length; n++) {
      const [to, then] = all[(n * stride) % all.length] as [number, object];
      await back(client, to);
      assert.deepEqual(await everything(client), then, `to ${to}, with stride ${stride}`);
    }
  }
});

test("a canary that ran comes back paused, with its weights as they were, and goes on with resume", async () => {
  const { client, name } = await newcomer(cluster);
  await route(client, "app", `${name}.example.com`, { split: { variants }, canary });
  const ran = await newest(client);
  assert.deepEqual(await stateOf(client), ["running", 20, 80, 20]);
  await turn(client, "promote");
  const whole = await newest(client);
  assert.deepEqual(await stateOf(client), ["complete", 100, 0, 100]);

  const looked = await preview(client, { backTo: ran });
  assert.deepEqual(
    looked.changes.map(({ kind, name: of, result }) => [kind, of, result]),
    [["route", "app", "updated"]],
  );
  await back(client, ran);
  assert.deepEqual(await stateOf(client), ["paused", 20, 80, 20]);
  const { status } = await client.call(routeRoutes.get, { params });
  assert.match(status?.canary?.why ?? "", /a rollback put it back.*resume/);
  await turn(client, "resume");
  assert.deepEqual(await stateOf(client), ["running", 20, 80, 20]);

  await back(client, whole);
  assert.deepEqual(await stateOf(client), ["complete", 100, 0, 100], "what was over is over");
  await client.call(routeRoutes.delete, { params });
  await back(client, ran);
  assert.deepEqual(await stateOf(client), ["paused", 20, 80, 20], "made anew, too");
  await turn(client, "abort");
  // The way back is the one from before.
  assert.deepEqual(await stateOf(client), ["aborted", 0, 90, 0]);
});

test("what the gateway moves by itself is no generation: it belongs to the one in which it happens", async (t) => {
  const server = createServer((_, response) => response.end("good")).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const to = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { admin } = cluster;
  const first = await newest(admin);
  // Nobody answers there.
  const failing = [variants[0], { ...variants[1], to: "http://127.0.0.1:1" }].map((one) => ({ ...one }));
  const split = { variants: [{ ...failing[0], to }, failing[1]] };
  await route(admin, "app", "moves.example.com", { split, canary: { ...canary, steps: [50], minRequests: 1 } });
  await until("it is led back", async () => {
    await ask(cluster.node.gateway.httpUrl ?? "");
    return (await stateOf(admin))[0] === "rolled-back";
  });
  const ledBack = ["rolled-back", 0, 90, 0];
  assert.deepEqual(await stateOf(admin), ledBack);
  assert.equal(await newest(admin), first + 1);
  assert.deepEqual((await back(admin, first + 1)).changes, [], "nobody has changed anything since");

  await changeRoute(admin, "app", { split: { variants: failing.map((one) => ({ ...one, to })) }, canary: null });
  const { changes } = await admin.call(gatewayRoutes.generation, { params: { generation: first + 2 } });
  const weightsIn = (spec: Record<string, unknown> | undefined) =>
    (spec as { split?: { variants: { weight: number }[] } }).split?.variants.map(({ weight }) => weight);
  assert.deepEqual(
    [weightsIn(changes[0]?.before), weightsIn(changes[0]?.after)],
    [
      [90, 0],
      [90, 10],
    ],
  );
  await back(admin, first + 1);
  assert.deepEqual(await stateOf(admin), ledBack, "as that generation ended: what failed gets nothing");
  await admin.call(routeRoutes.delete, { params });
});

test("a change from one place to a split, with a canary, is looked at and made: its variants are named", async () => {
  const { client, name } = await newcomer(cluster);
  const host = `${name}.example.com`;
  await upstream(client, "web", { backends: [{ name: "a", to: "http://198.51.100.9" }] });
  await route(client, "app", host);
  const split = { variants: [...variants, { name: "web", to: "upstream/web" }, { name: "none", to: "upstream/none" }] };
  const changes = [{ kind: "route" as const, name: "app", spec: { split, canary } }];
  const samples = [{ method: "GET", url: `http://${host}/` }];
  const { told, changes: seen } = await preview(client, { changes, samples, log: false });
  assert.equal(told[0]?.before.text, "leads to http://198.51.100.1");
  const text = told[0]?.after.text ?? "";
  assert.match(text, /^is split, 78\.\d % to http:\/\/198\.51\.100\.1 \(stable\), 20(\.\d)? % to \S+ \(next\), /);
  assert.match(text, /, 0\.9 % to upstream\/web \(a\) \(web\), 0\.9 % to upstream\/none \(none, nobody answers: /);
  assert.deepEqual((await client.call(gatewayRoutes.change, { body: { changes } })).changes, seen);
  assert.deepEqual((await stateOf(client)).slice(0, 2), ["running", 20]);
});

function ask(base: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(base, { headers: { host: "moves.example.com" } }, (response) => response.resume().on("end", resolve))
      .on("error", reject)
      .end();
  });
}
