import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { authorityRoutes, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, SkerryError } from "@skerry/core/domain/errors.ts";
import type { Action } from "@skerry/core/domain/identity.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
let mia: Client;
let zoe: Client;
before(async () => {
  cluster = await startTestCluster();
  mia = (await cluster.user("mia")).client;
  zoe = (await cluster.user("zoe")).client;
});
after(() => cluster?.[Symbol.asyncDispose]());

const create = (client: Client, host: string, to: string, path?: string) =>
  client.call(routeRoutes.create, { body: { spec: { host, to, ...(path === undefined ? {} : { path }) } } });

async function refusal(work: Promise<unknown>): Promise<SkerryError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SkerryError, `${error}`);
  return error;
}

test("what is named within a project is missing in one's own: the answer says how to ask for another's", async () => {
  const params = { name: "nowhere" };
  const asked = [
    containerRoutes.get,
    containerRoutes.logs,
    containerRoutes.delete,
    volumeRoutes.get,
    networkRoutes.get,
  ];
  for (const route of [...asked, routeRoutes.get, imageRoutes.delete]) {
    const { code, hint } = await refusal(mia.download(route, { params }));
    assert.equal(code, "not_found", route.id);
    assert.match(hint ?? "", /\nOf another project: --project NAME$/, route.id);
  }
  for (const route of [bucketRoutes.get, projectRoutes.get]) {
    assert.doesNotMatch((await refusal(mia.download(route, { params }))).hint ?? "", /--project/, route.id);
  }
});

test("an upstream that is not verified is for who may reach any, also when a route is led there", async () => {
  const spec = { host: "blind.example.com", to: "https://there.example", upstreamTls: { verify: false } } as const;
  const refused = await refusal(mia.call(routeRoutes.create, { body: { spec } }));
  assert.equal(refused.code, "forbidden");
  assert.deepEqual(refused.details, { permission: "gateway.upstreams:any" });
  const made = await cluster.admin.call(routeRoutes.create, { body: { project: "mia", spec } });
  const change = (changed: object) =>
    mia.call(routeRoutes.update, { params: { name: made.meta.name }, body: { spec: changed } });
  assert.equal((await refusal(change({ to: "https://elsewhere.example" }))).code, "forbidden");
  assert.equal((await refusal(change({ upstreamTls: { verify: false } }))).code, "forbidden");
  const changed = await change({ to: "https://elsewhere.example", upstreamTls: null });
  assert.equal(changed.spec.upstreamTls, undefined);
  await mia.call(routeRoutes.delete, { params: { name: made.meta.name } });
});

test("timeouts are shown as they were said, replaced as a whole, taken back, and refused where they mean nothing", async () => {
  const said = { timeouts: { headMs: 5000, totalMs: 30_000 } };
  const spec = { host: "hasty.example.com", to: "https://there.example", ...said };
  const made = await mia.call(routeRoutes.create, { body: { spec } });
  assert.deepEqual(made.spec.timeouts, said.timeouts);
  const change = (changed: object) =>
    mia.call(routeRoutes.update, { params: { name: made.meta.name }, body: { spec: changed } });
  assert.deepEqual((await change({ to: "https://elsewhere.example" })).spec.timeouts, said.timeouts);
  assert.deepEqual((await change({ timeouts: { bodyMs: 100 } })).spec.timeouts, { bodyMs: 100 });
  for (const timeouts of [{ headMs: 1 }, { connectMs: 11_000 }, { totalMs: 1e9 }, { headMs: 70.5 }, { sendMs: 100 }]) {
    assert.equal((await refusal(change({ timeouts }))).code, "invalid", JSON.stringify(timeouts));
  }
  assert.equal((await change({ timeouts: {} })).spec.timeouts, undefined);
  assert.deepEqual((await change({ timeouts: { bodyMs: 100 } })).spec.timeouts, { bodyMs: 100 });
  assert.equal((await change({ timeouts: null })).spec.timeouts, undefined);
  const retries = { attempts: 2, on: ["timeout", "503"], budgetPercent: 20, backoffMs: 10 };
  assert.deepEqual((await change({ retries })).spec.retries, { ...retries, on: ["503", "timeout"] });
  for (const wrong of [{ attempts: 11 }, { on: ["503"] }, { attempts: 1, on: ["500"] }, { attempts: 1, on: [] }]) {
    assert.equal((await refusal(change({ retries: wrong }))).code, "invalid", JSON.stringify(wrong));
  }
  assert.deepEqual((await change({ retries: { attempts: 1 } })).spec.retries, { attempts: 1 });
  assert.equal((await change({ retries: { attempts: 0 } })).spec.retries, undefined);
  const hedge = { after: "p95", most: 2, budgetPercent: 3 };
  assert.deepEqual((await change({ hedge })).spec.hedge, hedge);
  for (const wrong of [{}, { after: "p95", afterMs: 5 }, { after: "p1" }, { afterMs: 5, most: 4 }, { afterMs: 0 }]) {
    assert.equal((await refusal(change({ hedge: wrong }))).code, "invalid", JSON.stringify(wrong));
  }
  assert.deepEqual((await change({ hedge: { afterMs: 20 } })).spec.hedge, { afterMs: 20 });
  assert.equal((await change({ hedge: null })).spec.hedge, undefined);
  const below = { listen: "tcp://:20099", to: "tcp://198.51.100.1:80", ...said };
  const refused = await refusal(mia.call(routeRoutes.create, { body: { spec: below } }));
  assert.deepEqual(refused.details, { field: "spec.timeouts" });
  await mia.call(routeRoutes.delete, { params: { name: made.meta.name } });
});

describe("routes", () => {
  test("ask for what is said in one form, and say what they cannot ask for", async () => {
    const to = "http://198.51.100.1";
    const make = (spec: object) =>
      mia.call(routeRoutes.create, { body: { spec: { host: "m.example.com", to, ...spec } } });
    const match = {
      methods: ["post", "GET"],
      headers: [{ name: "X-API-Version", type: "exact" as const, value: "v2" }],
    };
    const made = await make({ path: "/api", match });
    assert.deepEqual(made.spec.match, {
      methods: ["GET", "POST"],
      headers: [{ name: "x-api-version", type: "exact", value: "v2" }],
    });
    assert.equal(made.meta.name, "m-example-com-api-get-post-x-api-version-v2");
    const pattern = await make({ path: "^/v\\d+/u", match: { path: "regex" } });
    assert.match(pattern.status?.url ?? "", /^https:\/\/m\.example\.com(:\d+)?\/$/);
    const same = await refusal(
      mia.call(routeRoutes.create, {
        body: {
          name: "other",
          spec: { ...made.spec, match: { headers: made.spec.match?.headers, methods: ["GET", "POST", "GET"] } },
        },
      }),
    );
    assert.ok(isError(same, "conflict/exists"));
    assert.match(same.message, /m-example-com-api-get-post-x-api-version-v2 takes the same requests/);
    for (const [spec, field, message] of [
      [{ path: "^(/a)\\1", match: { path: "regex" } }, "path", /"\\1" at character 6: it refers back/],
      [{ path: "^api", match: { path: "regex" } }, "path", /paths begin with \//],
      [{ path: "[ab]*a[ab]{12}", match: { path: "regex" } }, "path", /table larger/],
      [{ match: { path: "regex" } }, "path", /pattern is missing/],
      [{ path: "api", match: { path: "exact" } }, "path", /begins with \//],
      [{ match: { headers: [{ name: "Host", type: "present" }] } }, "headers", /header host: the gateway/],
      [{ match: { headers: [{ name: "X-Forwarded-For", type: "present" }] } }, "headers", /x-forwarded-for/],
      [{ match: { headers: [{ name: "x_api", type: "present" }] } }, "headers", /x_api/],
      [{ match: { query: [{ name: "a", type: "regex", value: "(?=b)" }] } }, "query", /looks ahead/],
      [{ match: { methods: ["CONNECT"] } }, "methods", /never passed on/],
    ] as const) {
      const error = await refusal(make(spec));
      assert.ok(isError(error, "invalid"), error.message);
      assert.deepEqual([error.details?.["field"], message.test(error.message)], [field, true], error.message);
    }
    for (const { meta } of (await mia.call(routeRoutes.list, {})).items) {
      await mia.call(routeRoutes.delete, { params: { name: meta.name } });
    }
  });

  test("of a port keep it when labels and target change, and ask for nothing", async () => {
    const spec = { listen: "tcp://:20411", to: "tcp://198.51.100.1:5432" };
    const made = await cluster.admin.call(routeRoutes.create, { body: { name: "port", spec } });
    const params = { name: "port" };
    const body = { spec: { to: "tcp://198.51.100.2:5432" }, labels: { a: "b" }, revision: made.meta.revision };
    assert.equal((await cluster.admin.call(routeRoutes.update, { params, body })).spec.to, "tcp://198.51.100.2:5432");
    for (const change of [{ match: { methods: ["GET"] } }, { path: "/x" }]) {
      const refused = await refusal(cluster.admin.call(routeRoutes.update, { params, body: { spec: change } }));
      assert.ok(isError(refused, "invalid"), refused.message);
    }
    await cluster.admin.call(routeRoutes.delete, { params });
  });

  test("are explained to those who may read them, and to others as if there was none", async () => {
    const spec = { host: "e.example.com", to: "http://198.51.100.1" };
    await mia.call(routeRoutes.create, { body: { name: "all", spec } });
    await mia.call(routeRoutes.create, {
      body: { name: "v2", spec: { ...spec, match: { headers: [{ name: "x-api", type: "exact", value: "v2" }] } } },
    });
    const ask = (client: Client, url: string, headers: { name: string; value: string }[] = []) =>
      client.call(routeRoutes.explain, { body: { method: "GET", url, headers } });
    const plain = await ask(mia, "https://E.example.com:8443/x?y");
    assert.deepEqual([plain.outcome.state, plain.outcome.route, plain.outcome.project], ["route", "all", "mia"]);
    assert.ok(plain.steps.some(({ name, why }) => name === "v2" && why === "the header x-api is not there"));
    assert.equal((await ask(mia, "e.example.com", [{ name: "X-Api", value: "v2" }])).outcome.route, "v2");
    assert.equal((await ask(cluster.admin, "e.example.com/")).outcome.project, "mia");
    assert.equal((await ask(mia, "e.example.com/%2e%2e")).outcome.state, "refused");
    const hidden = await refusal(ask(zoe, "e.example.com/"));
    const absent = await refusal(ask(zoe, "f.example.com/"));
    assert.deepEqual(
      [hidden.message.replace("e.ex", "f.ex"), hidden.hint, hidden.code],
      [absent.message, absent.hint, "not_found"],
    );
    for (const url of [
      "",
      "/x",
      "a b.example.com/",
      "e.example.com/a b",
      "e.example.com/\u4f60",
      "e.example.com/\r\nX: y",
    ]) {
      assert.ok(isError(await refusal(ask(mia, url)), "invalid"), url);
    }
    for (const header of [
      { name: "X", value: "a\r\nb: c" },
      { name: "Host", value: "x" },
      { name: "a b", value: "" },
    ]) {
      assert.ok(isError(await refusal(ask(mia, "e.example.com/", [header])), "invalid"), header.name);
    }
    for (const name of ["all", "v2"]) await mia.call(routeRoutes.delete, { params: { name } });
  });

  test("are made in one form, listed, changed and removed", async () => {
    const made = await create(mia, "App.Example.com", "HTTP://198.51.100.1:80/", "/api/");
    assert.deepEqual(made.spec, { host: "app.example.com", path: "/api", to: "http://198.51.100.1" });
    assert.equal(made.meta.name, "app-example-com-api");
    assert.equal(made.status?.state, "down");
    assert.match(made.status?.reason ?? "", /no gateway workers/);
    const params = { name: made.meta.name };
    const changed = await mia.call(routeRoutes.update, { params, body: { spec: { to: "http://198.51.100.2" } } });
    assert.equal(changed.spec.to, "http://198.51.100.2");
    assert.ok(
      isError(
        await refusal(mia.call(routeRoutes.update, { params, body: { spec: { host: "x.example.com" } } })),
        "invalid",
      ),
    );
    const moved = await mia.call(routeRoutes.update, {
      params,
      body: { spec: { path: "/x/", match: { path: "exact" } } },
    });
    assert.deepEqual([moved.spec.path, moved.spec.match], ["/x/", { path: "exact" }]);
    const back = await mia.call(routeRoutes.update, { params, body: { spec: { match: {} } } });
    assert.deepEqual([back.spec.path, back.spec.match], ["/x", undefined]);
    assert.deepEqual(
      (await mia.call(routeRoutes.list, {})).items.map(({ meta }) => meta.name),
      [params.name],
    );
    assert.deepEqual((await zoe.call(routeRoutes.list, {})).items, []);
    await mia.call(routeRoutes.delete, { params });
    assert.ok(isError(await refusal(mia.call(routeRoutes.get, { params })), "not_found"));
  });

  test("to another's host name are a conflict that tells nothing of it", async () => {
    await create(mia, "mine.example.com", "http://198.51.100.1");
    for (const host of ["mine.example.com", "below.mine.example.com"]) {
      const error = await refusal(create(zoe, host, "http://198.51.100.1"));
      assert.equal(error.status, 409);
      assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }).replaceAll(host, ""), /mia|mine-/);
    }
  });

  test("to the machine itself need a permission that the refusal names", async () => {
    for (const to of [
      "http://127.0.0.1:7400",
      "http://localhost",
      "http://[::1]:1",
      "http://169.254.169.254",
      "http://a.localhost",
      "http://10.199.0.1:7400",
    ]) {
      const error = await refusal(create(mia, "loop.example.com", to));
      assert.equal(error.status, 403, to);
      assert.match(error.message, /gateway\.upstreams:any/);
    }
    await create(cluster.admin, "loop.example.com", "http://127.0.0.1:1");
  });

  test("for all names below one, or for a name without a dot, need the operator role", async () => {
    for (const host of ["*.wild.example.com", "intranet", "198.51.100.9"]) {
      const error = await refusal(create(mia, host, "http://198.51.100.1"));
      assert.equal(error.status, 403, host);
      assert.match(error.message, /gateway\.routes:any/);
    }
    const operator = await cluster.user("olga", "operator");
    await create(operator.client, "*.wild.example.com", "http://198.51.100.1");
  });

  test("lead to a bucket only for who may read it", async () => {
    await mia.call(bucketRoutes.create, { body: { name: "mias-site" } });
    const hidden = await refusal(create(zoe, "zoe.example.org", "bucket/mias-site"));
    const absent = await refusal(create(zoe, "zoe.example.org", "bucket/no-such-1"));
    assert.deepEqual(
      [hidden.status, hidden.message.replace("mias-site", "X")],
      [absent.status, absent.message.replace("no-such-1", "X")],
    );
    assert.equal(hidden.status, 404);
    await mia.call(bucketRoutes.update, { params: { name: "mias-site" }, body: { spec: { visibility: "visible" } } });
    assert.match((await refusal(create(zoe, "zoe.example.org", "bucket/mias-site"))).message, /another project/);
    await create(mia, "mia.example.org", "bucket/mias-site");
  });

  test("lead to a container only for who may read the project's", async () => {
    const { projectUid } = await zoe.call(sessionRoutes.whoami);
    const token = async (name: string, scopes: Record<string, Action[]>) => {
      const { secret } = await zoe.call(tokenRoutes.create, { body: { name, scopes } });
      return cluster.client(secret);
    };
    const routesOnly: Record<string, Action[]> = { [`gateway.${projectUid}`]: ["create", "read"] };
    const narrow = await token("narrow", routesOnly);
    const error = await refusal(create(narrow, "box.example.org", "container/box:80"));
    assert.equal(error.status, 403);
    assert.match(error.message, /compute\.containers:read/);
    const wide = await token("wide", { ...routesOnly, [`compute.${projectUid}.containers`]: ["read"] });
    await create(wide, "box.example.org", "container/box:80");
  });

  test("keep their project from being deleted", async () => {
    await cluster.admin.call(projectRoutes.create, { body: { name: "team" } });
    await cluster.admin.call(routeRoutes.create, {
      body: { project: "team", spec: { host: "team.example.com", to: "http://198.51.100.1" } },
    });
    const params = { name: "team" };
    assert.ok(isError(await refusal(cluster.admin.call(projectRoutes.delete, { params })), "conflict/not-empty"));
    assert.ok(
      isError(await refusal(cluster.admin.call(userRoutes.delete, { params: { name: "mia" } })), "conflict/not-empty"),
    );
    await cluster.admin.call(routeRoutes.delete, { params: { name: "team-example-com" }, query: { project: "team" } });
    await cluster.admin.call(projectRoutes.delete, { params });
  });

  test("below HTTP are made in one form; their place stays", async () => {
    const made = await mia.call(routeRoutes.create, {
      body: { spec: { listen: "TCP://:20100/", to: "TCP://DB.example.com:5432" } },
    });
    assert.deepEqual(made.spec, { listen: "tcp://:20100", to: "tcp://db.example.com:5432" });
    assert.equal(made.meta.name, "tcp-20100");
    assert.deepEqual([made.status?.url, made.status?.traffic?.connections], ["tcp://127.0.0.1:20100", 0]);
    const params = { name: "tcp-20100" };
    const update = (spec: object) => mia.call(routeRoutes.update, { params, body: { spec } });
    assert.equal((await update({ to: "container/db:5432", listen: "tcp://:20100" })).spec.to, "container/db:5432");
    for (const spec of [{ listen: "tcp://:20101" }, { host: "a.example.com" }, { path: "/" }]) {
      assert.ok(isError(await refusal(update(spec)), "invalid"), JSON.stringify(spec));
    }
    const told = async (proxyProtocol: string) => (await update({ proxyProtocol })).spec.proxyProtocol;
    assert.deepEqual([await told("v2"), await told("v1"), await told("none")], ["v2", "v1", undefined]);
    const bad = [
      { listen: "udp://:20102", to: "udp://198.51.100.1:1", proxyProtocol: "v2" as const },
      { host: "a.example.com", to: "http://198.51.100.1", proxyProtocol: "v1" as const },
      { to: "tcp://198.51.100.1:1" },
      { host: "a.example.com", listen: "tcp://:20102", to: "tcp://198.51.100.1:1" },
      { listen: "tcp://:20102", path: "/x", to: "tcp://198.51.100.1:1" },
      { listen: "tcp://:20102", to: "http://198.51.100.1" },
      { listen: "tcp://20102", to: "tcp://198.51.100.1:1" },
    ];
    for (const spec of bad) {
      const error = await refusal(mia.call(routeRoutes.create, { body: { spec } }));
      assert.ok(isError(error, "invalid"), JSON.stringify(spec));
    }
    await mia.call(routeRoutes.delete, { params });
  });

  test("take a port of the open range; others need a permission, another project's is a conflict that names nobody", async () => {
    const below = (client: Client, listen: string, to = "udp://198.51.100.1:1") =>
      client.call(routeRoutes.create, { body: { spec: { listen, to } } });
    const at = (client: Client, port: number, to = "tcp://198.51.100.1:1") =>
      client.call(routeRoutes.create, { body: { spec: { listen: `tcp://:${port}`, to } } });
    for (const port of [19_999, 21_000, 5432, 22]) {
      const error = await refusal(at(mia, port));
      assert.deepEqual([error.status, /gateway\.ports:any/.test(error.message)], [403, true], `${port}`);
    }
    await at(mia, 20_000);
    const taken = await refusal(at(zoe, 20_000));
    assert.equal(taken.status, 409);
    assert.doesNotMatch(JSON.stringify({ ...taken, message: taken.message }), /mia|tcp-20000/);
    await at(cluster.admin, 5432);
    await below(zoe, "udp://:20000");
    assert.equal((await refusal(below(zoe, "udp://:53"))).status, 403);
    assert.ok(isError(await refusal(below(zoe, "udp://:20001", "tcp://198.51.100.1:1")), "invalid"));
    const tls = (client: Client, listen: string) =>
      client.call(routeRoutes.create, { body: { spec: { listen, to: "tcp://198.51.100.1:1" } } });
    assert.equal((await refusal(tls(mia, "ssh://:8443"))).status, 403);
    await tls(cluster.admin, "ssh://:8443");
    assert.ok(isError(await refusal(tls(cluster.admin, "tls://own.example.com:8443")), "invalid"));
    // The gateway's own port needs no permission, a name of many does.
    await tls(mia, "tls://own.example.com");
    assert.equal((await refusal(tls(zoe, "tls://x.own.example.com"))).status, 409);
    assert.equal((await refusal(tls(mia, "tls://*.own.example.com"))).status, 403);
    for (const port of [8080, 8443]) assert.ok(isError(await refusal(at(cluster.admin, port)), "invalid"), `${port}`);
    for (const to of ["tcp://127.0.0.1:7400", "tcp://localhost:1", "tcp://[::1]:1", "tcp://10.199.0.1:1"]) {
      const error = await refusal(at(mia, 20_500, to));
      assert.deepEqual([error.status, /gateway\.upstreams:any/.test(error.message)], [403, true], to);
    }
  });

  test("have an authority whose certificate everyone may have", async () => {
    const { certificate } = await cluster.client().call(authorityRoutes.get, {});
    assert.match(certificate, /^-----BEGIN CERTIFICATE-----/);
    assert.doesNotMatch(certificate, /PRIVATE/);
  });
});
