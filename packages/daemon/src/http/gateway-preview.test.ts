/** Looking at changes of the gateway before they are made. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { changeRoute, everything, newcomer, newest, preview, refusal, route } from "../testing/gateway-calls.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.[Symbol.asyncDispose]());

test("a change is checked as its own call would be, several together as one, and nothing is done", async () => {
  const { client } = await newcomer(cluster);
  await route(client, "app", "checked.example.com");
  const before = await everything(client);
  const changes = [
    { kind: "upstream", name: "web", spec: { backends: [{ name: "a", to: "http://198.51.100.9" }] } },
    { kind: "route", name: "app", spec: { to: "upstream/web" } },
    { kind: "route", name: "more", spec: { host: "checked.example.com", path: "/more", to: "upstream/web" } },
  ] as const;
  const { changes: told, generation } = await preview(client, { changes: [...changes] });
  assert.deepEqual(
    told.map(({ kind, name, result }) => `${kind}/${name} ${result}`),
    ["upstream/web created", "route/app updated", "route/more created"],
  );
  assert.deepEqual([generation, await everything(client), await newest(client)], [1, before, 1]);
  const refusals: readonly (readonly [object, string, RegExp])[] = [
    [{ kind: "route", name: "app", spec: { to: "nonsense" } }, "invalid", /^route app: "nonsense" is not a target/],
    [{ kind: "route", name: "app", spec: { no: 1 } }, "invalid", /^route app: .*no/],
    [{ kind: "route", name: "b", spec: { host: "checked.example.com", to: "http://198.51.100.2" } }, "conflict", /app/],
    [{ kind: "route", name: "app", spec: { to: "http://127.0.0.1" } }, "forbidden", /^route app: /],
    [{ kind: "iplist", name: "gone", delete: true }, "not_found", /^iplist gone: /],
    [{ kind: "upstream", name: "x", spec: {} }, "invalid", /^upstream x: /],
  ];
  for (const [change, code, message] of refusals) {
    const refused = await refusal(preview(client, { changes: [change] as never }));
    assert.deepEqual([refused.code, message.test(refused.message)], [code, true], refused.message);
  }
  assert.equal((await refusal(preview(client, {}))).code, "invalid");
  const many = Array.from({ length: 101 }, (_, n) => ({ kind: "iplist" as const, name: `l${n}`, spec: {} }));
  assert.equal((await refusal(preview(client, { changes: many }))).code, "invalid");
});

test("requests of the log and given ones are decided as they would be: the project's alone, without what is secret", async () => {
  const [mia, zoe] = [await newcomer(cluster), await newcomer(cluster)];
  const { meta } = await route(mia.client, "app", "log.example.com");
  const api = await route(mia.client, "api", "log.example.com", { path: "/api", to: "http://198.51.100.2" });
  const picky = { path: "/h", match: { headers: [{ name: "x-a", type: "present" }] }, to: "http://198.51.100.3" };
  const { meta: byHeader } = await route(mia.client, "picky", "log.example.com", picky);
  const { meta: theirs } = await route(zoe.client, "app", "zoes.example.com");
  const folder = join(cluster.directory, "data", "log", "gateway");
  await mkdir(folder, { recursive: true });
  const common = { time: "2026-11-22T01:02:03.045Z", id: "i", client: "192.0.2.7", method: "GET", status: 200 };
  const lines = [
    ...Array.from({ length: 3 }, () => ({
      host: "log.example.com",
      path: "/x",
      route: meta.uid,
      project: meta.project,
    })),
    { host: "log.example.com", path: "/api/y", route: api.meta.uid, project: meta.project, tls: "TLSv1.3" },
    { host: "log.example.com", path: "/h", route: byHeader.uid, project: meta.project },
    { host: "sub.log.example.com", path: "/", status: 404 },
    { host: "zoes.example.com", path: "/secret", route: theirs.uid, project: theirs.project },
    { host: "nobodys.example.com", path: "/secret" },
  ];
  await writeFile(
    join(folder, "access-0.log"),
    lines.map((line) => `${JSON.stringify({ ...common, ...line })}\n`).join(""),
  );
  const changes = [
    { kind: "route", name: "app", spec: { to: "http://198.51.100.99" } },
    { kind: "route", name: "api", delete: true },
  ] as const;
  const samples = [
    {
      method: "POST",
      url: "http://log.example.com/api?token=planted",
      headers: [{ name: "Cookie", value: "planted" }],
    },
    { method: "GET", url: "http://log.example.com/h", headers: [{ name: "X-A", value: "planted" }] },
    { method: "GET", url: "http://zoes.example.com/" },
  ];
  const told = await preview(mia.client, { changes: [...changes], samples });
  assert.deepEqual(told.requests, { looked: 8, changed: 5, settings: 0, unsure: 1 });
  assert.deepEqual(
    told.told.map(({ from, count, method, url, before, after }) =>
      [from, count, method, url, before.route, before.text, after.route, after.text].join(" "),
    ),
    [
      "log 3 GET http://log.example.com/x app leads to http://198.51.100.1 app leads to http://198.51.100.99",
      "given 1 POST http://log.example.com/api api leads to http://198.51.100.2 app leads to http://198.51.100.99",
      "log 1 GET https://log.example.com/api/y api leads to http://198.51.100.2 app leads to http://198.51.100.99",
    ],
  );
  assert.doesNotMatch(JSON.stringify(told), /planted|zoes|secret|nobodys/);
  const without = await preview(mia.client, { changes: [...changes], log: false });
  assert.deepEqual(without.requests, { looked: 0, changed: 0, settings: 0, unsure: 0 });
  const settings = [{ kind: "route" as const, name: "app", spec: { timeouts: { headMs: 5000 } } }];
  assert.deepEqual((await preview(mia.client, { changes: settings })).requests.settings, 3);

  // What the preview says is what the gateway decides when it is done.
  for (const { kind, name } of changes) {
    if (kind === "route" && name === "api") await mia.client.call(routeRoutes.delete, { params: { name } });
    else await changeRoute(mia.client, name, { to: "http://198.51.100.99" });
  }
  for (const { method, url, after: expected } of told.told) {
    const { outcome } = await mia.client.call(routeRoutes.explain, { body: { method, url } });
    assert.deepEqual([outcome.route, outcome.to], [expected.route, expected.text.replace("leads to ", "")]);
  }
  const wrong = [{ method: "GET", url: "http://a b/" }];
  assert.match((await refusal(preview(mia.client, { changes: settings, samples: wrong }))).message, /^Sample 1: /);
});

test("from where a request comes is looked at when a route asks for it, with the list as it would be", async () => {
  const { client } = await newcomer(cluster);
  await client.call(ipListRoutes.create, { body: { name: "office", spec: { entries: "192.0.2.0/24" } } });
  await route(client, "app", "office.example.com", { to: "http://198.51.100.1", access: { allow: ["iplist/office"] } });
  const samples = ["192.0.2.7", "198.51.100.7"].map((from) => ({
    method: "GET",
    url: "http://office.example.com/",
    client: from,
  }));
  const changes = [{ kind: "iplist" as const, name: "office", spec: { entries: "198.51.100.0/24" } }];
  const { told } = await preview(client, { changes, samples, log: false });
  assert.deepEqual(
    told.map(({ before: was, after: is }) => [was.state, is.state]),
    [
      ["route", "refused"],
      ["refused", "route"],
    ],
  );
});
