/** `?dryRun=1`: decided as the call itself in every respect, and nothing is done. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { bindingRoutes, projectRoutes } from "@skerry/core/contract/api/project.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import type { SkerryError } from "@skerry/core/domain/errors.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

interface Case {
  readonly route: Route;
  readonly params?: object;
  readonly query?: object;
  readonly body?: object;
}

const TLS_FOLDER = join(import.meta.dirname, "../../../../fixtures/gateway/tls");
const CERTIFICATE = readFileSync(join(TLS_FOLDER, "certificate.pem"), "utf8");
const KEY = readFileSync(join(TLS_FOLDER, "key.pem"), "utf8");

/** Each route that has a dry run: a call that works for the admin, and what a member gets who asks for the same. */
const CALLS: readonly (Case & { readonly member: string })[] = [
  { route: bucketRoutes.create as Route, body: { name: "fresh", project: "admin" }, member: "not_found" },
  {
    route: bucketRoutes.update as Route,
    params: { name: "seen" },
    body: { spec: { visibility: "public" } },
    member: "forbidden",
  },
  { route: userRoutes.create as Route, body: { name: "bob" }, member: "forbidden" },
  {
    route: userRoutes.update as Route,
    params: { name: "mem" },
    body: { spec: { role: "admin" } },
    member: "forbidden",
  },
  { route: projectRoutes.create as Route, body: { name: "team" }, member: "forbidden" },
  {
    route: bindingRoutes.create as Route,
    body: { project: "crew", user: "mem", role: "viewer" },
    member: "not_found",
  },
  { route: tokenRoutes.create as Route, body: { name: "fresh" }, member: "done" },
  { route: volumeRoutes.create as Route, body: { name: "fresh", project: "admin" }, member: "not_found" },
  { route: networkRoutes.create as Route, body: { name: "fresh", project: "admin" }, member: "not_found" },
  {
    route: containerRoutes.create as Route,
    body: { name: "fresh", project: "admin", spec: { image: "box", volumes: [{ name: "data", path: "/data" }] } },
    member: "not_found",
  },
  {
    route: containerRoutes.update as Route,
    params: { name: "idle" },
    query: { project: "admin" },
    body: { spec: { restart: "never" } },
    member: "not_found",
  },
  {
    route: routeRoutes.create as Route,
    body: { project: "admin", spec: { host: "fresh.example", to: "http://127.0.0.1:9000" } },
    member: "not_found",
  },
  {
    route: routeRoutes.update as Route,
    params: { name: "old-example" },
    query: { project: "admin" },
    body: { spec: { to: "bucket/seen" } },
    member: "not_found",
  },
  {
    route: certificateRoutes.create as Route,
    body: { project: "admin", name: "bought", spec: { certificate: CERTIFICATE, key: KEY } },
    member: "not_found",
  },
  {
    route: certificateRoutes.update as Route,
    params: { name: "had" },
    query: { project: "admin" },
    body: { spec: { certificate: CERTIFICATE, key: KEY } },
    member: "not_found",
  },
  {
    route: upstreamRoutes.create as Route,
    body: { project: "admin", name: "fresh", spec: { backends: [{ name: "a", to: "http://127.0.0.1:9000" }] } },
    member: "not_found",
  },
  {
    route: upstreamRoutes.update as Route,
    params: { name: "had" },
    query: { project: "admin" },
    body: { spec: { backends: [{ name: "b", to: "http://127.0.0.1:9001" }] } },
    member: "not_found",
  },
  {
    route: ipListRoutes.create as Route,
    body: { project: "admin", name: "more", spec: { entries: "192.0.2.0/24" } },
    member: "not_found",
  },
  {
    route: ipListRoutes.update as Route,
    params: { name: "office" },
    query: { project: "admin" },
    body: { spec: { entries: "10.0.0.0/8" } },
    member: "not_found",
  },
  {
    route: containerRoutes.delete as Route,
    params: { name: "idle" },
    query: { project: "admin" },
    member: "not_found",
  },
];

/** What the call itself refuses although who asks may make it; of each kind one that only the last step can know. */
const REFUSED: readonly (Case & { readonly by: "admin" | "member"; readonly error: string })[] = [
  { by: "admin", route: bucketRoutes.create as Route, body: { name: "seen" }, error: "conflict/exists" },
  {
    by: "admin",
    route: bucketRoutes.update as Route,
    params: { name: "seen" },
    body: { revision: 1 },
    error: "conflict/precondition",
  },
  { by: "admin", route: userRoutes.create as Route, body: { name: "crew" }, error: "conflict/exists" },
  { by: "admin", route: userRoutes.create as Route, body: { name: "eve", password: "eve" }, error: "invalid" },
  {
    by: "admin",
    route: userRoutes.update as Route,
    params: { name: "admin" },
    body: { spec: { disabled: true } },
    error: "conflict",
  },
  { by: "admin", route: projectRoutes.create as Route, body: { name: "mem" }, error: "conflict/exists" },
  {
    by: "admin",
    route: bindingRoutes.create as Route,
    body: { project: "crew", user: "nobody", role: "viewer" },
    error: "not_found",
  },
  { by: "member", route: tokenRoutes.create as Route, body: { name: "had" }, error: "conflict/exists" },
  {
    by: "admin",
    route: certificateRoutes.create as Route,
    body: { name: "had", spec: { certificate: CERTIFICATE, key: KEY } },
    error: "conflict/exists",
  },
  {
    by: "admin",
    route: certificateRoutes.update as Route,
    params: { name: "had" },
    body: { spec: { certificate: "none" } },
    error: "invalid",
  },
  {
    by: "admin",
    route: upstreamRoutes.create as Route,
    body: { name: "had", spec: { backends: [{ name: "a", to: "http://127.0.0.1:9000" }] } },
    error: "conflict/exists",
  },
  {
    by: "member",
    route: upstreamRoutes.create as Route,
    body: { name: "mine", spec: { backends: [{ name: "a", to: "http://127.0.0.1:9000" }] } },
    error: "forbidden",
  },
  {
    by: "admin",
    route: upstreamRoutes.update as Route,
    params: { name: "had" },
    body: { spec: { backends: [{ name: "a", to: "bucket/seen" }] } },
    error: "invalid",
  },
  {
    by: "admin",
    route: ipListRoutes.create as Route,
    body: { name: "office", spec: { entries: "" } },
    error: "conflict/exists",
  },
  {
    by: "admin",
    route: ipListRoutes.update as Route,
    params: { name: "office" },
    body: { spec: { entries: "10.0.0.0/33" } },
    error: "invalid",
  },
  { by: "admin", route: volumeRoutes.create as Route, body: { name: "data" }, error: "conflict/exists" },
  { by: "admin", route: networkRoutes.create as Route, body: { name: "back" }, error: "conflict/exists" },
  {
    by: "admin",
    route: containerRoutes.create as Route,
    body: { name: "idle", spec: { image: "box" } },
    error: "conflict/exists",
  },
  {
    by: "admin",
    route: containerRoutes.create as Route,
    body: { name: "web", spec: { image: "none" } },
    error: "not_found",
  },
  {
    by: "admin",
    route: containerRoutes.create as Route,
    body: { name: "web", spec: { image: "box", volumes: [{ name: "nope", path: "/x" }] } },
    error: "not_found",
  },
  {
    by: "admin",
    route: containerRoutes.update as Route,
    params: { name: "idle" },
    body: { revision: 1 },
    error: "conflict/precondition",
  },
  {
    by: "member",
    route: routeRoutes.create as Route,
    body: { spec: { host: "www.old.example", to: "http://198.51.100.1" } },
    error: "conflict",
  },
  {
    by: "member",
    route: routeRoutes.create as Route,
    body: { spec: { host: "mine.example", to: "http://127.0.0.1:9000" } },
    error: "forbidden",
  },
  {
    by: "member",
    route: routeRoutes.create as Route,
    body: { spec: { host: "mine.example", to: "bucket/secret" } },
    error: "not_found",
  },
  {
    by: "admin",
    route: routeRoutes.create as Route,
    body: { name: "other", spec: { host: "old.example", to: "http://198.51.100.1" } },
    error: "conflict/exists",
  },
  {
    by: "admin",
    route: routeRoutes.update as Route,
    params: { name: "old-example" },
    body: { spec: { host: "new.example" } },
    error: "invalid",
  },
  {
    by: "admin",
    route: routeRoutes.update as Route,
    params: { name: "old-example" },
    body: { revision: 1 },
    error: "conflict/precondition",
  },
];

interface Told {
  readonly id: string;
  readonly message: string;
}

async function outcome(client: Client, { route, params, body, query }: Case, more: object = {}): Promise<Told> {
  try {
    const all = { ...query, ...more };
    const answer = await client.call(route, { ...(params === undefined ? {} : { params }), body, query: all } as never);
    const isDry = (all as { dryRun?: string }).dryRun !== undefined;
    return { id: answer === undefined && isDry ? "nothing" : "done", message: "" };
  } catch (error) {
    const { code, reason, message } = error as SkerryError;
    return { id: reason === undefined ? code : `${code}/${reason}`, message };
  }
}

const DRY = { dryRun: "1" };

/** Something of each kind, and nothing that goes on changing. */
async function prepare(cluster: TestCluster): Promise<Client> {
  const { admin, engine } = cluster;
  engine.tags.set("box:latest", `sha256:${"1".repeat(64)}`);
  const { client: member } = await cluster.user("mem");
  await admin.call(bucketRoutes.create, { body: { name: "seen", spec: { visibility: "visible" } } });
  await admin.call(bucketRoutes.create, { body: { name: "secret" } });
  await admin.call(projectRoutes.create, { body: { name: "crew" } });
  await admin.call(volumeRoutes.create, { body: { name: "data" } });
  await admin.call(networkRoutes.create, { body: { name: "back" } });
  await admin.call(routeRoutes.create, { body: { spec: { host: "old.example", to: "http://127.0.0.1:1" } } });
  await admin.call(ipListRoutes.create, { body: { name: "office", spec: { entries: "192.0.2.0/24" } } });
  await admin.call(certificateRoutes.create, { body: { name: "had", spec: { certificate: CERTIFICATE, key: KEY } } });
  const backends = [{ name: "a", to: "http://127.0.0.1:1" }];
  await admin.call(upstreamRoutes.create, { body: { name: "had", spec: { backends } } });
  await member.call(tokenRoutes.create, { body: { name: "had" } });
  await admin.call(containerRoutes.create, { body: { name: "idle", spec: { image: "box", running: false } } });
  for (let tries = 0; tries < 500; tries++) {
    const { status } = await admin.call(containerRoutes.get, { params: { name: "idle" } });
    if (status?.state === "stopped") return member;
    await sleep(20);
  }
  throw new Error("the container idle did not come to rest");
}

test("a dry run gets what the call would get, and changes nothing", async () => {
  const takes = ROUTES.filter(({ schemas }) => schemas.query.safeParse(DRY).success).map(({ id }) => id);
  const makes = ROUTES.filter(({ id, kind }) => kind === "json" && /\.(create|update)$/.test(id)).map(({ id }) => id);
  // Containers are replaced, and that begins with a delete.
  const rehearsed = [...makes.filter((id) => id !== "session.create"), "container.delete"];
  assert.deepEqual(takes.sort(), rehearsed.sort());
  assert.deepEqual(takes, CALLS.map(({ route }) => route.id).sort());
  await using cluster = await startTestCluster();
  const member = await prepare(cluster);
  const revision = async () => (await cluster.admin.call(nodeRoutes.status)).revision;
  const before = await revision();
  const containers = cluster.engine.made.size;
  for (const call of CALLS) {
    const { id } = call.route;
    const dry = await outcome(cluster.admin, call, DRY);
    assert.deepEqual([dry.id, await revision()], ["nothing", before], `${id}: ${dry.message}`);
    assert.equal((await outcome(member, call, DRY)).id, call.member === "done" ? "nothing" : call.member, id);
    if (call.member !== "done") assert.equal((await outcome(member, call)).id, call.member, id);
    assert.equal((await outcome(cluster.client(), call, DRY)).id, "unauthenticated", id);
    assert.equal((await outcome(cluster.admin, call, { dryRun: "0" })).id, "invalid", id);
  }
  for (const call of REFUSED) {
    const client = call.by === "admin" ? cluster.admin : member;
    const dry = await outcome(client, call, DRY);
    assert.deepEqual([dry.id, dry], [call.error, await outcome(client, call)], call.route.id);
  }
  assert.equal(await revision(), before);
  assert.equal(cluster.engine.made.size, containers);
  for (const call of CALLS) {
    const { id, message } = await outcome(cluster.admin, call);
    assert.equal(id, "done", `${call.route.id}: ${message}`);
  }
  assert.ok((await revision()) > before);
  const { items } = await cluster.admin.call(nodeRoutes.audit, { query: { limit: 200 } });
  const created = items.filter(({ action, outcome: was }) => action === projectRoutes.create.id && was === "ok");
  assert.equal(created.length, 2, "what was not done is not recorded as done");
});
