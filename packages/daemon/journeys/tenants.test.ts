/** Tenants of one gateway, by subdomain and by id, asked with curl; one of them tries to change what the other's hosts answer. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { accessLogRoutes } from "@skerry/core/contract/api/access-log.ts";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { makeAuthority, type TestAuthority } from "@skerry/core/testing/certificates.ts";
import { startTestCluster, type TestCluster } from "../src/testing/test-cluster.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
let cluster: TestCluster;
let mia: Client;
let zoe: Client;
let authority: TestAuthority;
const servers: Server[] = [];
const urls: Record<string, string> = {};

/** Says who it is, which request of its path this is, and how it was asked. */
async function serve(name: string): Promise<void> {
  const asked = new Map<string, number>();
  const server = createServer((request, response) => {
    const { url = "", headers } = request;
    const nth = (asked.get(url) ?? 0) + 1;
    asked.set(url, nth);
    if (url.startsWith("/kept")) response.setHeader("cache-control", "max-age=600");
    const seen = [headers["x-tenant"], headers["x-set"], headers.cookie].map((value) => value ?? "-").join(" ");
    response.end(`${name} ${url.startsWith("/kept") ? nth : ""}${seen}`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  urls[name] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

before(async () => {
  authority = await makeAuthority("Tenants");
  for (const name of ["mia", "zoe", "shared"]) await serve(name);
  cluster = await startTestCluster({
    argv: ["--gateway-workers", "2", "--listen-http", "127.0.0.1:0", "--listen-https", "127.0.0.1:0"],
  });
  mia = (await cluster.user("mia")).client;
  zoe = (await cluster.user("zoe")).client;
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Got {
  readonly status: number;
  /** In lower case, without what differs from answer to answer. */
  readonly head: string;
  readonly body: string;
}

async function curl(host: string, path = "/", ...args: readonly string[]): Promise<Got> {
  const { httpUrl = "" } = cluster.node.gateway;
  const { port } = new URL(httpUrl);
  const fixed = ["-sS", "--max-time", "10", "-D", "-", "--resolve", `${host}:${port}:127.0.0.1`];
  const { stdout } = await promisify(execFile)("curl", [...fixed, ...args, `http://${host}:${port}${path}`]);
  const at = stdout.indexOf("\r\n\r\n");
  const head = stdout.slice(0, at).toLowerCase();
  return {
    status: Number(stdout.split(" ")[1]),
    head: head.replace(/\r\n(date|x-request-id|age|ratelimit|cache-status): [^\r]*/g, ""),
    body: stdout
      .slice(at + 4)
      .replace(/"requestId":"[^"]*"/g, "")
      .replace(/^shared [12]-/, "shared -"),
  };
}

/** Subject and issuer of the certificate that handshakes for a name get. */
async function shown(host: string): Promise<string> {
  const { port } = new URL(cluster.node.gateway.httpsUrl ?? "");
  const script = `echo | openssl s_client -connect 127.0.0.1:${port} -servername ${host} 2>/dev/null | openssl x509 -noout -serial -issuer`;
  return (await promisify(execFile)("sh", ["-c", script])).stdout;
}

const inProject = (project: string, name: string, spec: object) =>
  cluster.admin.call(routeRoutes.create, { body: { name, project, spec: spec as never } });

test("by subdomain: t1. and t2. have their own answers, over HTTP and HTTPS; others have none", async () => {
  await inProject("mia", "web", { host: "t1.cloud.test", to: urls["mia"] });
  await inProject("zoe", "web", { host: "t2.cloud.test", to: urls["zoe"] });
  for (let n = 0; n < 6; n++) {
    assert.equal((await curl("t1.cloud.test")).body, "mia - - -");
    assert.equal((await curl("t2.cloud.test")).body, "zoe - - -");
  }
  const { port } = new URL(cluster.node.gateway.httpsUrl ?? "");
  for (const [host, name] of [
    ["t1.cloud.test", "mia"],
    ["t2.cloud.test", "zoe"],
  ] as const) {
    const args = ["-sSk", "--resolve", `${host}:${port}:127.0.0.1`, `https://${host}:${port}/`];
    assert.equal((await promisify(execFile)("curl", args)).stdout, `${name} - - -`);
  }
  for (const host of ["t3.cloud.test", "x.t1.cloud.test", "cloud.test"]) {
    assert.equal((await curl(host)).status, 404, host);
  }
});

test("by id: one host, and a header, a path, a query or a cookie says whose it is", async () => {
  const host = "api.cloud.test";
  const asked = {
    header: { match: { headers: [{ name: "X-Tenant", type: "exact", value: "NAME" }] } },
    path: { path: "/t/NAME", rewrite: { prefix: "/" } },
    query: { match: { query: [{ name: "tenant", type: "exact", value: "NAME" }] } },
    cookie: { match: { cookies: [{ name: "tenant", type: "exact", value: "NAME" }] } },
  };
  for (const [what, spec] of Object.entries(asked)) {
    for (const name of ["mia", "zoe"]) {
      const said = JSON.parse(JSON.stringify(spec).replaceAll("NAME", name));
      await inProject("admin", `${what}-${name}`, { host, to: urls[name], ...said });
    }
  }
  for (const name of ["mia", "zoe"]) {
    assert.equal((await curl(host, "/", "-H", `x-tenant: ${name}`)).body, `${name} ${name} - -`);
    assert.equal((await curl(host, `/t/${name}/x`)).body, `${name} - - -`);
    assert.equal((await curl(host, `/?tenant=${name}`)).body, `${name} - - -`);
    assert.equal((await curl(host, "/", "-b", `tenant=${name}`)).body, `${name} - - tenant=${name}`);
  }
  for (const args of [["-H", "X-Tenant: ann"], ["-H", "X_Tenant: mia"], ["-b", "tenant=miaa"], []]) {
    assert.equal((await curl(host, "/", ...args)).status, 404, args.join(" "));
  }
  // Who is two at once is who stands first in the order that docs/routing.md tells.
  assert.match((await curl(host, "/?tenant=mia", "-H", "X-Tenant: zoe")).body, /^zoe/);
});

/** All of what mia's hosts say. */
async function answers(): Promise<unknown> {
  const all = [
    curl("t1.cloud.test"),
    curl("t1.cloud.test", "/missing/x?y=z", "-H", "Origin: https://t2.cloud.test"),
    curl("x.t1.cloud.test"),
    curl("kept.t1.cloud.test", "/kept"),
    curl("kept.t1.cloud.test", "/kept", "-H", "X-Skerry-Explain: nonsense"),
    curl("guarded.t1.cloud.test"),
    curl("guarded.t1.cloud.test", "/", "-A", "curl"),
    curl("many.t1.cloud.test"),
  ];
  return Promise.all([...all, shown("t1.cloud.test"), shown("kept.t1.cloud.test")]);
}

/** What, the statuses of its refusal (undefined: it is hers to do), and how. */
type Attack = readonly [what: string, refused: readonly number[] | undefined, does: () => Promise<unknown>];

const HERE = { status: 200, body: "zoe was here" };
const OTHERS = { params: { name: "web" }, query: { project: "mia" } };
let made = 0;

const tries = (what: string, refused: Attack[1], spec: object): Attack => [
  what,
  refused,
  () => zoe.call(routeRoutes.create, { body: { name: `try${made++}`, spec: { respond: HERE, ...spec } as never } }),
];

function byNames(): Attack[] {
  const taken = [
    "t1.cloud.test",
    "T1.CLOUD.TEST",
    "t1.cloud.test.",
    "x.t1.cloud.test",
    "ｔ１.cloud.test",
    "t1。cloud.test",
  ];
  const wild = ["*.t1.cloud.test", "*.cloud.test", "*.test", "test", "127.0.0.1"];
  const owned = ["X-Skerry-Route", "X-Request-Id", "X-Forwarded-For", "Host", "x_forwarded_for", "Content-Length"];
  return [
    ...taken.map((host) => tries(`the host ${host}`, [400, 409], { host })),
    ...wild.map((host) => tries(`the host ${host}`, [403], { host })),
    tries("a path of the host", [409], { host: "t1.cloud.test", path: "/missing" }),
    tries("a name above", undefined, { host: "cloud.test" }),
    ...owned.map((header) => {
      const headers = { request: { set: { [header]: "t1.cloud.test" } } };
      return tries(`the header ${header}`, [400], { host: "header.zoe.test", headers });
    }),
    tries("a head behind a head", [400], { host: "a.zoe.test", respond: { ...HERE, contentType: "a/b\r\nX-Set: 1" } }),
  ];
}

async function byTls(): Promise<Attack[]> {
  const others = await makeAuthority("Zoe");
  const bring = (name: string, ...names: readonly string[]): Attack => [
    `a certificate for ${names}`,
    undefined,
    async () => {
      const { serial: _, ...spec } = await others.issue({ names, toMs: 300 * 86_400_000 });
      await zoe.call(certificateRoutes.create, { body: { name, spec } });
    },
  ];
  const passes = (listen: string): Attack =>
    tries(`passing on ${listen}`, [403, 409], { listen, to: "tcp://192.0.2.1:443", respond: undefined });
  return [
    ...["tls://t1.cloud.test", "tls://*.cloud.test", `tls://t1.cloud.test:${await freePort()}`].map(passes),
    bring("exact", "t1.cloud.test", "kept.t1.cloud.test"),
    bring("wild", "*.cloud.test", "*.t1.cloud.test"),
  ];
}

function byKinds(): Attack[] {
  const nowhere = { backends: [{ name: "a", to: "http://192.0.2.1" }] };
  const everybody = { entries: "0.0.0.0/0\n::/0" };
  const url = "http://t1.cloud.test/";
  return [
    [
      "a list of the same name",
      undefined,
      () => zoe.call(ipListRoutes.create, { body: { name: "bad", spec: everybody } }),
    ],
    [
      "an upstream of the same name",
      undefined,
      () => zoe.call(upstreamRoutes.create, { body: { name: "pair", spec: nowhere } }),
    ],
    tries("the other's upstream", undefined, { host: "lent.zoe.test", to: "upstream/hidden", respond: undefined }),
    [
      "another's route, changed",
      [404],
      () => zoe.call(routeRoutes.update, { ...OTHERS, body: { spec: { respond: HERE } } as never }),
    ],
    [
      "another's route, switched",
      [404],
      () => zoe.call(routeRoutes.switch, { ...OTHERS, body: { to: "http://192.0.2.1" } }),
    ],
    ["another's route, purged", [404], () => zoe.call(routeRoutes.purge, { ...OTHERS, body: {} })],
    ["another's route, removed", [404], () => zoe.call(routeRoutes.delete, OTHERS)],
    ["a ticket for another's", [403, 404], () => zoe.call(routeRoutes.ticket, { body: { project: "mia" } })],
    ["who takes a request", [404], () => zoe.call(routeRoutes.explain, { body: { method: "GET", url } })],
  ];
}

const RATE = [
  { by: "ip", requests: 300, per: "1d" },
  { by: "project", requests: 300, per: "1d" },
];

async function declareHers(): Promise<void> {
  await mia.call(ipListRoutes.create, { body: { name: "bad", spec: { entries: "192.0.2.0/24" } } });
  for (const name of ["pair", "hidden"]) {
    const spec = { backends: [{ name: "a", to: urls["shared"] ?? "" }] };
    await cluster.admin.call(upstreamRoutes.create, { body: { name, project: "mia", spec } });
  }
  await inProject("mia", "kept", { host: "kept.t1.cloud.test", to: "upstream/pair", cache: {} });
  await inProject("mia", "guarded", {
    ...{ host: "guarded.t1.cloud.test", to: urls["mia"], access: { block: ["iplist/bad"] } },
    headers: { request: { set: { "X-Set": "{host}" } }, response: { set: { "X-By": "mia" } } },
  });
  await inProject("mia", "many", { host: "many.t1.cloud.test", to: urls["mia"], limits: { rate: RATE } });
  const { serial: _, ...pem } = await authority.issue({ names: ["t1.cloud.test"] });
  await mia.call(certificateRoutes.create, { body: { name: "t1", spec: pem } });
  // Each worker asks once at most.
  for (let n = 0; n < 12; n++) await curl("kept.t1.cloud.test", "/kept");
}

test("whatever one tenant declares, the other's hosts answer as before", async () => {
  await declareHers();
  const before = await answers();
  assert.match(JSON.stringify(before), /shared - - -/);
  for (const [what, refused, does] of [...byNames(), ...(await byTls()), ...byKinds()]) {
    const said = await does().then(
      () => 200,
      (error: { status?: number }) => error.status,
    );
    if (refused === undefined) assert.equal(said, 200, what);
    else assert.ok(refused.includes(said ?? 0), `${what}: ${said}`);
    // What was refused changes nothing, neither alone nor with the rest of it.
    if (FULL) assert.deepEqual(await answers(), before, what);
  }
  assert.deepEqual(await answers(), before);
  assert.notEqual((await curl("lent.zoe.test")).status, 200, "her upstream is not lent");
  // Operators may have what lies around it: her own names stay hers, and so does what is below them.
  const { items } = await zoe.call(routeRoutes.list, { query: {} });
  const above = items.find(({ spec }) => spec.host === "cloud.test")?.meta.name ?? "";
  await zoe.call(routeRoutes.delete, { params: { name: above } });
  await inProject("admin", "around", { host: "*.cloud.test", respond: { status: 200, body: "around" } });
  assert.equal((await curl("t9.cloud.test")).body, "around");
  assert.deepEqual(await answers(), before);
  // And may give of it: a member cannot take it, and has it when it was given.
  await assert.rejects(
    zoe.call(routeRoutes.create, { body: { spec: { host: "t9.cloud.test", respond: HERE } } }),
    (error: { status?: number }) => error.status === 409,
  );
  await inProject("zoe", "given", { host: "t9.cloud.test", respond: HERE });
  assert.equal((await curl("t9.cloud.test")).body, HERE.body);
  await zoe.call(routeRoutes.create, { body: { spec: { host: "x.t9.cloud.test", respond: HERE } } });
  assert.equal((await curl("x.t9.cloud.test")).body, HERE.body);
  assert.deepEqual(await answers(), before);
});

/** How many requests are left to a client, by each of the rates. */
async function left(host: string): Promise<number[]> {
  const { port } = new URL(cluster.node.gateway.httpUrl ?? "");
  const args = ["-sSI", "--resolve", `${host}:${port}:127.0.0.1`, `http://${host}:${port}/`];
  const { stdout } = await promisify(execFile)("curl", args);
  return [...stdout.matchAll(/;r=(\d+)/g)].map(([, n]) => Number(n));
}

test("requests to the hosts of one evict, fill and spend nothing of the other's, and nobody reads of another's", async () => {
  await inProject("zoe", "kept", { host: "kept.zoe.test", to: urls["shared"], cache: {} });
  await inProject("zoe", "many", { host: "many.zoe.test", to: urls["zoe"], limits: { rate: RATE } });
  const [byIp = 0, byProject = 0] = await left("many.t1.cloud.test");
  await curl("many.zoe.test", "/[1-50]");
  const [ofIp = 0, ofProject = 0] = await left("many.t1.cloud.test");
  assert.deepEqual([byIp - ofIp, byProject - ofProject], [1, 1]);
  // The same upstream, the same path: something else is kept, and to change it there changes it there.
  for (const args of [
    ["-X", "DELETE"],
    ["-X", "POST", "-d", "x"],
    ["-H", "X-Forwarded-Host: kept.t1.cloud.test"],
    ["-H", "X-Host: kept.t1.cloud.test"],
    ["-H", "Forwarded: host=kept.t1.cloud.test"],
  ]) {
    for (let n = 0; n < 3; n++) await curl("kept.zoe.test", "/kept", ...args);
    for (let n = 0; n < 3; n++) assert.match((await curl("kept.t1.cloud.test", "/kept")).body, /^shared - /);
  }
  // The one's name in the handshake and the other's in the request: the request counts.
  const { port } = new URL(cluster.node.gateway.httpsUrl ?? "");
  const fronted = ["-sSk", "--resolve", `t2.cloud.test:${port}:127.0.0.1`, "-H", "Host: t1.cloud.test"];
  const { stdout } = await promisify(execFile)("curl", [...fronted, `https://t2.cloud.test:${port}/`]);
  assert.equal(stdout, "mia - - -");
  // Workers write their lines together, a little later.
  let lines = "";
  for (const deadlineMs = performance.now() + 10_000; !lines.includes("many.zoe.test"); ) {
    assert.ok(performance.now() < deadlineMs, `many.zoe.test is not told of: ${lines}`);
    lines = "";
    const { body } = await zoe.download(accessLogRoutes.read, { params: {}, query: {} });
    for await (const bytes of body ?? []) lines += Buffer.from(bytes).toString();
  }
  assert.doesNotMatch(lines, /t1\.cloud\.test/);
});
