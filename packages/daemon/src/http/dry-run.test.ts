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
  readonly query: object;
  readonly body?: object;
}

const TLS_FOLDER = join(import.meta.dirname, "../../../../fixtures/gateway/tls");
const CERTIFICATE = readFileSync(join(TLS_FOLDER, "certificate.pem"), "utf8");
const KEY = readFileSync(join(TLS_FOLDER, "key.pem"), "utf8");

type Asked = readonly [route: Route, name: string | undefined, body?: object];

function asCase([route, name, body]: Asked, query: object): Case {
  return { route, query, ...(name === undefined ? {} : { params: { name } }), ...(body === undefined ? {} : { body }) };
}

/** A call that works for the admin, and what a member gets who asks for the same. */
const works = (member: string, ...asked: Asked) => ({ ...asCase(asked, {}), member });
/** The same of a thing in the admin's project, which a member does not see. */
const worksThere = (...asked: Asked) => ({ ...asCase(asked, { project: "admin" }), member: "not_found" });

const TLS = { certificate: CERTIFICATE, key: KEY };
const backend = (name: string, to: string) => ({ backends: [{ name, to }] });

/** Each route that has a dry run. */
const CALLS: readonly (Case & { readonly member: string })[] = [
  works("not_found", bucketRoutes.create, undefined, { name: "fresh", project: "admin" }),
  works("forbidden", bucketRoutes.update, "seen", { spec: { visibility: "public" } }),
  works("forbidden", userRoutes.create, undefined, { name: "bob" }),
  works("forbidden", userRoutes.update, "mem", { spec: { role: "admin" } }),
  works("forbidden", projectRoutes.create, undefined, { name: "team" }),
  works("not_found", bindingRoutes.create, undefined, { project: "crew", user: "mem", role: "viewer" }),
  works("done", tokenRoutes.create, undefined, { name: "fresh" }),
  works("not_found", volumeRoutes.create, undefined, { name: "fresh", project: "admin" }),
  works("not_found", networkRoutes.create, undefined, { name: "fresh", project: "admin" }),
  works("not_found", containerRoutes.create, undefined, {
    name: "fresh",
    project: "admin",
    spec: { image: "box", volumes: [{ name: "data", path: "/data" }] },
  }),
  worksThere(containerRoutes.update, "idle", { spec: { restart: "never" } }),
  works("not_found", routeRoutes.create, undefined, {
    project: "admin",
    spec: { host: "fresh.example", to: "http://127.0.0.1:9000" },
  }),
  worksThere(routeRoutes.update, "old-example", { spec: { to: "bucket/seen" } }),
  works("not_found", certificateRoutes.create, undefined, { project: "admin", name: "bought", spec: TLS }),
  worksThere(certificateRoutes.update, "had", { spec: TLS }),
  works("not_found", upstreamRoutes.create, undefined, {
    project: "admin",
    name: "fresh",
    spec: backend("a", "http://127.0.0.1:9000"),
  }),
  worksThere(upstreamRoutes.update, "had", { spec: backend("b", "http://127.0.0.1:9001") }),
  works("not_found", ipListRoutes.create, undefined, {
    project: "admin",
    name: "more",
    spec: { entries: "192.0.2.0/24" },
  }),
  worksThere(ipListRoutes.update, "office", { spec: { entries: "10.0.0.0/8" } }),
  worksThere(containerRoutes.delete, "idle"),
];

const refused =
  (by: "admin" | "member") =>
  (error: string, ...asked: Asked) => ({ ...asCase(asked, {}), by, error });
const admin = refused("admin");
const member = refused("member");

/** What the call itself refuses although who asks may make it; of each kind one that only the last step can know. */
const REFUSED: readonly (Case & { readonly by: "admin" | "member"; readonly error: string })[] = [
  admin("conflict/exists", bucketRoutes.create, undefined, { name: "seen" }),
  admin("conflict/precondition", bucketRoutes.update, "seen", { revision: 1 }),
  admin("conflict/exists", userRoutes.create, undefined, { name: "crew" }),
  admin("invalid", userRoutes.create, undefined, { name: "eve", password: "eve" }),
  admin("conflict", userRoutes.update, "admin", { spec: { disabled: true } }),
  admin("conflict/exists", projectRoutes.create, undefined, { name: "mem" }),
  admin("not_found", bindingRoutes.create, undefined, { project: "crew", user: "nobody", role: "viewer" }),
  member("conflict/exists", tokenRoutes.create, undefined, { name: "had" }),
  admin("conflict/exists", certificateRoutes.create, undefined, { name: "had", spec: TLS }),
  admin("invalid", certificateRoutes.update, "had", { spec: { certificate: "none" } }),
  admin("conflict/precondition", certificateRoutes.update, "had", { revision: 1 }),
  admin("conflict/exists", upstreamRoutes.create, undefined, {
    name: "had",
    spec: backend("a", "http://127.0.0.1:9000"),
  }),
  member("forbidden", upstreamRoutes.create, undefined, {
    name: "mine",
    spec: backend("a", "http://127.0.0.1:9000"),
  }),
  admin("invalid", upstreamRoutes.update, "had", { spec: backend("a", "bucket/seen") }),
  admin("conflict/precondition", upstreamRoutes.update, "had", { revision: 1 }),
  admin("conflict/exists", ipListRoutes.create, undefined, { name: "office", spec: { entries: "" } }),
  admin("invalid", ipListRoutes.update, "office", { spec: { entries: "10.0.0.0/33" } }),
  admin("conflict/precondition", ipListRoutes.update, "office", { revision: 1 }),
  admin("conflict/exists", volumeRoutes.create, undefined, { name: "data" }),
  admin("conflict/exists", networkRoutes.create, undefined, { name: "back" }),
  admin("conflict/exists", containerRoutes.create, undefined, { name: "idle", spec: { image: "box" } }),
  admin("not_found", containerRoutes.create, undefined, { name: "web", spec: { image: "none" } }),
  admin("not_found", containerRoutes.create, undefined, {
    name: "web",
    spec: { image: "box", volumes: [{ name: "nope", path: "/x" }] },
  }),
  admin("conflict/precondition", containerRoutes.update, "idle", { revision: 1 }),
  member("conflict", routeRoutes.create, undefined, { spec: { host: "www.old.example", to: "http://198.51.100.1" } }),
  member("forbidden", routeRoutes.create, undefined, { spec: { host: "mine.example", to: "http://127.0.0.1:9000" } }),
  member("not_found", routeRoutes.create, undefined, { spec: { host: "mine.example", to: "bucket/secret" } }),
  admin("conflict/exists", routeRoutes.create, undefined, {
    name: "other",
    spec: { host: "old.example", to: "http://198.51.100.1" },
  }),
  admin("invalid", routeRoutes.update, "old-example", { spec: { host: "new.example" } }),
  admin("conflict/precondition", routeRoutes.update, "old-example", { revision: 1 }),
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
