/** Splits through the API: what may be said, by whom, and what is shown of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { startTestCluster } from "../testing/test-cluster.ts";

const [A, B] = ["http://198.51.100.1", "http://198.51.100.2"];

async function refusal(work: Promise<unknown>): Promise<SkerryError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SkerryError, `${error}`);
  return error;
}

test("a split is two to eight places by weight, and nothing besides that leads elsewhere or keeps answers", async () => {
  await using cluster = await startTestCluster();
  const mia = (await cluster.user("mia")).client;
  const host = "split.example.com";
  const [a, b] = [
    { name: "a", to: A },
    { name: "b", to: B },
  ] as const;
  type Spec = RouteView["spec"];
  const make = (spec: Spec) => mia.call(routeRoutes.create, { body: { spec } });
  const many = Array.from({ length: 9 }, (_, n) => ({ name: `v${n}`, to: A }));
  for (const [more, said] of [
    [{ split: { variants: [a] } }, /2 to 8/],
    [{ split: { variants: [a, a] } }, /Two variants are called a/],
    [
      {
        split: {
          variants: [
            { ...a, weight: 0 },
            { ...b, weight: 0 },
          ],
        },
      },
      /No variant has a weight/,
    ],
    [{ split: { variants: [{ ...a, tags: ["gpu"] }, b] } }, /Tags choose/],
    [{ split: { variants: [a, { name: "b", to: "tcp://b:1" }] } }, /not a target/],
    [{ split: { variants: [a, b] }, to: A }, /one place/],
    [{ split: { variants: [a, b] }, respond: { status: 200 } }, /one place/],
    [{ split: { variants: [a, b] }, cache: {} }, /not kept/],
    [{ split: { variants: [a, b], sticky: { by: "header" } } }, /no name of a header/],
    [{ split: { variants: [a, b] }, upstreamTls: { serverName: "x.example" } }, /No TLS is spoken/],
  ] as [Partial<Spec>, RegExp][]) {
    const { code, message } = await refusal(make({ host, ...more }));
    assert.equal(code, "invalid", message);
    assert.match(message, said);
  }
  assert.equal((await refusal(make({ host, split: { variants: many } }))).code, "invalid");
  const listener = { listen: "tcp://:20111", split: { variants: [a, b] } };
  assert.match((await refusal(make(listener as never))).message, /below HTTP/);
  const local = { variants: [a, { name: "b", to: "http://127.0.0.1:1" }] };
  assert.equal((await refusal(make({ host, split: local }))).code, "forbidden");
  const made = await make({
    host,
    split: {
      variants: [
        { ...a, to: `${A}:80/` },
        { ...b, weight: 3 },
      ],
    },
  });
  assert.deepEqual(made.spec.split?.variants, [
    { ...a, weight: 1 },
    { ...b, weight: 3 },
  ]);
  const params = { name: made.meta.name };
  assert.match((await refusal(mia.call(routeRoutes.switch, { params, body: { to: A } }))).message, /split among/);
  const back = await mia.call(routeRoutes.update, { params, body: { spec: { to: A } } });
  assert.deepEqual([back.spec.to, back.spec.split], [A, undefined]);
});

test("who may weigh variants leads them nowhere; each is looked after as a target of its own", async () => {
  await using cluster = await startTestCluster({
    argv: ["--gateway-workers", "1", "--listen-http", "127.0.0.1:0", "--listen-https", "127.0.0.1:0"],
  });
  const mia = (await cluster.user("mia")).client;
  const inMia = { project: "mia" };
  const variants = [
    { name: "web", to: "upstream/web" },
    { name: "site", to: "bucket/site" },
    { name: "own", to: "http://127.0.0.1:1", weight: 0 },
  ];
  const spec = { host: "each.example.com", split: { variants: variants.slice(0, 2) } };
  await mia.call(bucketRoutes.create, { body: { name: "site" } });
  const { meta } = await mia.call(routeRoutes.create, { body: { spec } });
  const params = { name: meta.name };
  const states = async () => {
    const { status } = await mia.call(routeRoutes.get, { params });
    return [status?.state, ...(status?.variants ?? []).map((one) => `${one.name} ${one.percent} ${one.state}`)];
  };
  assert.deepEqual(await states(), ["ready", "web 50 down", "site 50 ready"]);
  await mia.call(upstreamRoutes.create, { body: { name: "web", spec: { backends: [{ name: "x", to: A }] } } });
  assert.deepEqual(await states(), ["ready", "web 50 ready", "site 50 ready"]);
  const used = await refusal(mia.call(upstreamRoutes.delete, { params: { name: "web" } }));
  assert.equal(used.code, "conflict");
  const query = inMia;
  await cluster.admin.call(routeRoutes.update, { params, query, body: { spec: { split: { variants } } } });
  // What an admin has led to this machine may be weighed by a member, and not led elsewhere on it.
  const weighed = [{ name: "web", to: "upstream/web", weight: 3 }, ...variants.slice(2)];
  await mia.call(routeRoutes.update, { params, body: { spec: { split: { variants: weighed } } } });
  const elsewhere = [{ name: "web", to: "http://127.0.0.1:2" }, ...variants.slice(1)];
  const denied = await refusal(
    mia.call(routeRoutes.update, { params, body: { spec: { split: { variants: elsewhere } } } }),
  );
  assert.equal(denied.code, "forbidden");
  const url = "https://each.example.com/";
  const { outcome } = await mia.call(routeRoutes.explain, { body: { method: "GET", url } });
  assert.match(outcome.text, /is split, 100 % to upstream\/web \(web\), 0 % to http:\/\/127\.0\.0\.1:1 \(own\)\.$/);
});
