/** The cast of `fixtures/auth/README.md` in a running cloud: who asks, and what is asked for. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { bindingRoutes, projectRoutes } from "@skerry/core/contract/api/project.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Action, Role } from "@skerry/core/domain/identity.ts";
import { VISIBILITIES, type Visibility } from "@skerry/core/domain/objects.ts";
import type { TestCluster } from "./test-cluster.ts";

/** One line of `matrix.json`. */
export interface Row {
  readonly principal: string;
  readonly route: string;
  readonly target: string;
  readonly expect: string;
}

/** What a row is about, by its names. A row uses those of its kind. */
export interface Subject {
  readonly user: string;
  readonly password: string;
  readonly project: string;
  readonly projectUid: string;
  /** The binding in the project: the name of its user. */
  readonly binding: string;
  readonly token: string;
  /** Uid. */
  readonly session: string;
  readonly route: string;
  readonly bucket: string;
  readonly visibility: Visibility;
  readonly key: string;
  readonly container: string;
  readonly image: string;
  readonly network: string;
  readonly volume: string;
  readonly certificate: string;
  readonly upstream: string;
  readonly ipList: string;
}

/** A user with what it owns, and a token without scopes. */
export interface Person extends Subject {
  readonly bearer: string;
  readonly client: Client;
}

interface Part {
  readonly role: Role;
  /** Role in the project `owner`. */
  readonly binding?: "member" | "viewer";
}

const PARTS: Readonly<Record<string, Part>> = {
  admin: { role: "admin" },
  operator: { role: "operator" },
  owner: { role: "member" },
  other: { role: "member" },
  viewer: { role: "viewer", binding: "viewer" },
  mate: { role: "member", binding: "member" },
  disabled: { role: "member", binding: "member" },
};
/** Asks for nothing; bound to both projects, so that each has a binding that can be deleted. */
const GUEST = "guest";
const OWNERS = ["owner", "other"] as const;
const KEY = "thing";
const NETWORK = "kept-network";
const VOLUME = "kept-volume";
const CERTIFICATE = "kept-certificate";
const UPSTREAM = "kept-upstream";
const IP_LIST = "kept-iplist";
const CONTAINER = "kept-container";
/** Of the engine, for everyone. */
export const IMAGE = "matrix:latest";
const EXPIRY_DEADLINE_MS = 20_000;

export interface Cast {
  readonly cluster: TestCluster;
  readonly people: ReadonlyMap<string, Person>;
  /** Principal -> its bearer; undefined = it brings none. */
  readonly bearers: ReadonlyMap<string, string | undefined>;
  /** `owner/private` ... -> a bucket with an object in it. */
  readonly buckets: ReadonlyMap<string, Subject>;
}

export async function createCast(cluster: TestCluster): Promise<Cast> {
  const people = new Map<string, Person>();
  const enter = async (name: string) => {
    people.set(name, await makePerson(cluster, name, partOf(name)));
    // A user whose project owns something cannot be deleted: a hole that lets it be tried does not empty the stage.
    await cluster.admin.call(bucketRoutes.create, { body: { name: `kept-${name}`, project: name } });
    await makeRoute(cluster, personOf(people, name));
  };
  await Promise.all(OWNERS.map(enter));
  await Promise.all(Object.keys(PARTS).flatMap((name) => (people.has(name) ? [] : [enter(name)])));
  await cluster.user(GUEST);
  cluster.engine.tags.set(IMAGE, `sha256:${"1".repeat(64)}`);
  for (const project of OWNERS) {
    await bind(cluster, project, GUEST, "viewer");
    await makeContainer(cluster, project, CONTAINER);
    await makeNetwork(cluster, project, NETWORK);
    await makeVolume(cluster, project, VOLUME);
    await makeCertificate(cluster, project, CERTIFICATE);
    await makeUpstream(cluster, project, UPSTREAM);
    await makeIpList(cluster, project, IP_LIST);
  }
  const buckets = new Map<string, Subject>();
  for (const name of OWNERS) {
    for (const visibility of VISIBILITIES) {
      const subject = { ...personOf(people, name), bucket: `${name}-${visibility}`, visibility };
      await makeBucket(cluster, subject);
      await makeObject(cluster, subject);
      buckets.set(`${name}/${visibility}`, subject);
    }
  }
  const bearers = new Map<string, string | undefined>([
    ["anonymous", undefined],
    ...(await makeTokens(cluster, personOf(people, "owner"))),
  ]);
  for (const [name, { bearer }] of people) bearers.set(name, bearer);
  await cluster.admin.call(userRoutes.update, { params: { name: "disabled" }, body: { spec: { disabled: true } } });
  return { cluster, people, bearers, buckets };
}

/** The user behind a principal; for nobody it is `owner`, so that there is somebody whose things may be named. */
export function personOf(people: Cast["people"], principal: string): Person {
  const name = principal.startsWith("token-") || principal === "anonymous" ? "owner" : principal;
  const person = people.get(name);
  if (person === undefined) throw new Error(`nobody in the cast is ${principal}`);
  return person;
}

/** Another user in the same part, who may be spent. */
export function makeTwin({ cluster }: Cast, principal: string, name: string): Promise<Person> {
  return makePerson(cluster, name, partOf(principal));
}

export async function bind(cluster: TestCluster, project: string, user: string, role: "member" | "viewer") {
  await cluster.admin.call(bindingRoutes.create, { body: { project, user, role } });
}

export async function makeBucket(cluster: TestCluster, { bucket, project, visibility }: Subject): Promise<void> {
  await cluster.admin.call(bucketRoutes.create, { body: { name: bucket, project, spec: { visibility } } });
}

export async function makeRoute(cluster: TestCluster, { route, project }: Subject): Promise<void> {
  const spec = { host: `${route}.example.com`, to: "http://192.0.2.1" };
  await cluster.admin.call(routeRoutes.create, { body: { name: route, project, spec } });
}

export async function makeContainer(cluster: TestCluster, project: string, name: string): Promise<void> {
  await cluster.admin.call(containerRoutes.create, { body: { name, project, spec: { image: IMAGE } } });
}

export async function makeNetwork(cluster: TestCluster, project: string, name: string): Promise<void> {
  await cluster.admin.call(networkRoutes.create, { body: { name, project } });
}

export async function makeVolume(cluster: TestCluster, project: string, name: string): Promise<void> {
  await cluster.admin.call(volumeRoutes.create, { body: { name, project } });
}

const TLS = fileURLToPath(new URL("../../../../fixtures/gateway/tls", import.meta.url));

const readTls = (name: string) => readFile(join(TLS, `${name}.pem`), "utf8");

export async function makeIpList(cluster: TestCluster, project: string, name: string): Promise<void> {
  await cluster.admin.call(ipListRoutes.create, { body: { name, project, spec: { entries: "192.0.2.0/24" } } });
}

export async function makeCertificate(cluster: TestCluster, project: string, name: string): Promise<void> {
  const spec = { certificate: await readTls("certificate"), key: await readTls("key") };
  await cluster.admin.call(certificateRoutes.create, { body: { name, project, spec } });
}

export async function makeUpstream(cluster: TestCluster, project: string, name: string): Promise<void> {
  const spec = { backends: [{ name: "a", to: "http://192.0.2.1" }] };
  await cluster.admin.call(upstreamRoutes.create, { body: { name, project, spec } });
}

export async function makeObject(cluster: TestCluster, { bucket, key }: Subject): Promise<void> {
  const bytes = (async function* () {
    yield Buffer.from("what the owner has stored");
  })();
  await cluster.admin.upload(objectRoutes.put, { params: { bucket, key }, bytes });
}

function partOf(name: string): Part {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`the cast has no ${name}`);
  return part;
}

async function makePerson(cluster: TestCluster, name: string, { role, binding }: Part): Promise<Person> {
  const { client, password } = name === "admin" ? await logInAdmin(cluster) : await cluster.user(name, role);
  if (binding !== undefined) await bind(cluster, "owner", name, binding);
  const token = `${name}-token`;
  const { secret } = await client.call(tokenRoutes.create, { body: { name: token } });
  const { projectUid, credential } = await client.call(sessionRoutes.whoami);
  return {
    user: name,
    password,
    project: name,
    projectUid,
    binding: GUEST,
    token,
    session: credential?.uid ?? "",
    route: `${name}-route`,
    bucket: `kept-${name}`,
    visibility: "private",
    key: KEY,
    container: CONTAINER,
    image: IMAGE,
    network: NETWORK,
    volume: VOLUME,
    certificate: CERTIFICATE,
    upstream: UPSTREAM,
    ipList: IP_LIST,
    bearer: secret,
    client: cluster.client(secret),
  };
}

async function logInAdmin(cluster: TestCluster): Promise<{ client: Client; password: string }> {
  const password = cluster.adminPassword;
  const { token } = await cluster.client().call(sessionRoutes.create, { body: { name: "admin", password } });
  return { client: cluster.client(token), password };
}

async function makeTokens(cluster: TestCluster, owner: Person): Promise<Map<string, string>> {
  const { meta } = await cluster.admin.call(bucketRoutes.get, { params: { name: "owner-private" } });
  const project = owner.projectUid;
  const make = async (name: string, scopes?: Record<string, Action[]>, expiresInSeconds?: number) => {
    const { secret } = await owner.client.call(tokenRoutes.create, {
      body: {
        name,
        ...(scopes === undefined ? {} : { scopes }),
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
      },
    });
    return secret;
  };
  const tokens = new Map([
    ["token-expired", await make("expired", undefined, 1)],
    ["token-revoked", await make("revoked")],
    ["token-read", await make("read", { [`storage.${project}`]: ["read"] })],
    [
      "token-bucket",
      await make("bucket", {
        [`storage.${project}.buckets.${meta.uid}`]: ["read"],
        [`storage.${project}.objects.${meta.uid}`]: ["read", "create", "update", "delete"],
      }),
    ],
  ]);
  await owner.client.call(tokenRoutes.delete, { params: { name: "revoked" } });
  await untilExpired(cluster.client(tokens.get("token-expired")));
  return tokens;
}

async function untilExpired(client: Client): Promise<void> {
  const deadlineMs = performance.now() + EXPIRY_DEADLINE_MS;
  for (;;) {
    const answer = await client.call(sessionRoutes.whoami).catch((error: { reason?: string }) => error);
    if ("reason" in answer && answer.reason === "expired") return;
    if (performance.now() > deadlineMs) throw new Error("the token that expires after a second still works");
    await sleep(50);
  }
}

/**
 * What the rows must leave as it is: each thing of the cast with the mark of its last change, and all that was created
 * under a name that begins with `denied`.
 */
export async function recordState({ cluster: { admin }, people, buckets }: Cast): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  const names = new Set([
    ...people.keys(),
    GUEST,
    CONTAINER,
    NETWORK,
    VOLUME,
    CERTIFICATE,
    UPSTREAM,
    ...[...buckets.values()].map(({ bucket }) => bucket),
  ]);
  const keep = (what: string, { name, project, revision }: { name: string; project: string; revision: number }) => {
    if (names.has(name) || name.startsWith("denied")) state.set(`${what} ${project} ${name}`, `revision ${revision}`);
  };
  for await (const { meta } of admin.items(userRoutes.list)) keep("user", meta);
  for await (const { meta } of admin.items(projectRoutes.list)) keep("project", meta);
  for await (const { meta } of admin.items(bindingRoutes.list)) keep("binding", meta);
  for await (const { meta } of admin.items(bucketRoutes.list)) keep("bucket", meta);
  for await (const { meta } of admin.items(routeRoutes.list))
    if (meta.name.endsWith("-route") || meta.name.startsWith("denied"))
      state.set(`route ${meta.project} ${meta.name}`, `revision ${meta.revision}`);
  for await (const { meta } of admin.items(containerRoutes.list)) keep("container", meta);
  for await (const { meta } of admin.items(networkRoutes.list)) keep("network", meta);
  for await (const { meta } of admin.items(volumeRoutes.list)) keep("volume", meta);
  for await (const { meta } of admin.items(certificateRoutes.list)) keep("certificate", meta);
  for await (const { meta } of admin.items(upstreamRoutes.list)) keep("upstream", meta);
  for await (const { meta } of admin.items(ipListRoutes.list)) keep("iplist", meta);
  for (const { bucket } of buckets.values()) {
    const { items } = await admin.call(objectRoutes.list, { params: { bucket } });
    const object = items.find(({ key }) => key === KEY);
    state.set(`object ${bucket}/${KEY}`, `version ${object?.version}`);
  }
  for (const { user, client, token, session } of people.values()) {
    if (user === "disabled") continue;
    for await (const { meta } of client.items(tokenRoutes.list))
      if ([token, "read", "bucket"].includes(meta.name) || meta.name.startsWith("denied"))
        state.set(`token ${user} ${meta.name}`, `revision ${meta.revision}`);
    for await (const { meta } of client.items(sessionRoutes.list))
      if (meta.uid === session) state.set(`session ${user} ${meta.uid}`, `revision ${meta.revision}`);
  }
  return state;
}
