/** What the fake cloud shows of itself: one of everything, and names that mean harm. */
import { Readable } from "node:stream";
import { tarOfFile } from "@skerry/core/contract/one-file-tar.ts";
import { GATEWAY_ANSWERS } from "./canned-gateway.ts";
import type { Answer, FakeCloud } from "./fake-cloud.ts";
import { refuse } from "./fake-cloud.ts";

const UID = "abcdefghijklmnopqrstuvwxyz";
const PROJECT = "projectprojectprojectproje";

export function meta(name: string, more: Record<string, unknown> = {}) {
  return {
    uid: UID,
    name,
    project: PROJECT,
    projectName: "alice",
    labels: {},
    generation: 1,
    revision: 7,
    createdAt: "2026-08-01T10:00:00.000Z",
    updatedAt: "2026-08-01T10:00:00.000Z",
    ...more,
  };
}

export const BUCKETS = [
  {
    kind: "bucket",
    meta: meta("photos", { labels: { team: "web", stage: "test" } }),
    spec: { visibility: "private" },
    status: { objects: 12, sizeBytes: 314_572_800 },
  },
  {
    kind: "bucket",
    meta: meta("evil", { uid: "zyxwvutsrqponmlkjihgfedcba", labels: { note: "\x1b[31mred\x07\u202etxt" } }),
    spec: { visibility: "public" },
    status: { objects: 0, sizeBytes: 0 },
  },
];
export const CONTAINERS = [
  {
    kind: "container",
    meta: meta("web"),
    spec: {
      image: "site:2",
      imageId: `sha256:${"a".repeat(64)}`,
      command: ["sh", "-c", "exec httpd -f"],
      env: {},
      cpu: 0.5,
      memoryBytes: 268_435_456,
      pids: 256,
      volumes: [
        { name: "data", path: "/srv" },
        { name: "logs", path: "/var/log" },
      ],
      publish: [{ port: 80, hostPort: 0 }],
      restart: "always",
      running: true,
    },
    status: {
      state: "running",
      startedGeneration: 1,
      restarts: 0,
      lastLines: ["httpd: bind: Address in use", "\x1b[2Jgoodbye"],
      limits: { cpu: 0.5, memoryBytes: 268_435_456, pids: 256 },
      address: "10.199.0.2",
      ports: { 80: "127.0.0.1:49153" },
      startedAt: "2026-08-02T11:00:00.000Z",
    },
  },
];
/** A tar with one file. */
const hello = [Buffer.from("hello\n")];
const MOTD = Buffer.concat(
  await Array.fromAsync(
    tarOfFile({ name: "motd", sizeBytes: 6, mode: 0o644, modifiedMs: 0, bytes: Readable.from(hello) }),
  ),
);
const NETWORKS = [{ kind: "network", meta: meta("back"), spec: {} }];
const CERTIFICATES = [
  {
    kind: "certificate",
    meta: meta("app"),
    spec: { use: "server", certificate: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" },
    status: {
      ...{ state: "expiring", names: ["app.example.com", "*.app.example.com"], subject: "CN=app.example.com" },
      ...{ issuer: "CN=evil\x1b[2J", serial: "0a", keyType: "P-256" },
      notBefore: "2026-05-01T10:00:00.000Z",
      notAfter: "2026-08-20T10:00:00.000Z",
    },
  },
];
const TRAFFIC = {
  ...{ requests: 1200, failures: 3, inFlight: 2, ewmaMs: 4.5, connections: 5, idleConnections: 3 },
  ...{ connectFailures: 1, checksPassed: 40, checksFailed: 2, breakerOpens: 1, ejections: 0 },
};
const UPSTREAMS = [
  {
    kind: "upstream",
    meta: meta("web"),
    spec: {
      backends: [
        { name: "a", to: "http://10.0.0.7:3000", weight: 1, tags: [], drain: false },
        { name: "b", to: "container/web:80", weight: 2, tags: ["gpu"], drain: true },
      ],
      balance: { method: "hash", on: "header", name: "x-user" },
      sticky: { by: "cookie", name: "skerry-web", ttlSeconds: 3600 },
    },
    status: {
      state: "ready",
      backends: [
        { name: "a", state: "ready", traffic: TRAFFIC },
        { name: "b", state: "down", reason: "the container web is not \x1b[2Jrunning" },
      ],
    },
  },
];
const IP_LISTS = [{ kind: "iplist", meta: meta("office"), spec: { entries: "192.0.2.0/24" }, status: { networks: 1 } }];
const VOLUMES = [{ kind: "volume", meta: meta("data"), spec: {} }];
const IMAGES = [
  {
    name: "site:2",
    id: `sha256:${"a".repeat(64)}`,
    project: PROJECT,
    sizeBytes: 2_000_000,
    createdAt: "2026-08-01T10:00:00.000Z",
  },
  {
    name: "busybox:latest",
    id: `sha256:${"b".repeat(64)}`,
    sizeBytes: 1_900_000,
    createdAt: "2026-07-01T10:00:00.000Z",
  },
];
const USERS = [
  { kind: "user", meta: meta("alice"), spec: { role: "member", disabled: false } },
  { kind: "user", meta: meta("bob"), spec: { role: "admin", disabled: true } },
];
const TOKENS = [
  {
    kind: "token",
    meta: meta("ci"),
    spec: {
      user: UID,
      scopes: {
        [`storage.${PROJECT}.objects.${UID}`]: ["read", "create"],
        [`storage.${PROJECT}.objects.gonegonegonegonegonegonego`]: ["*"],
        node: ["read"],
      },
      expiresAt: "2026-09-01T12:00:00.000Z",
    },
    status: { lastUsedAt: "2026-08-02T11:30:00.000Z" },
  },
  { kind: "token", meta: meta("old"), spec: { user: UID } },
];
const PROJECTS = [{ kind: "project", meta: meta("web", { project: "cloud" }), spec: { description: "The web team" } }];
const BINDINGS = [
  { kind: "binding", meta: meta("alice", { projectName: "web" }), spec: { user: UID, role: "member" } },
];
const ROUTES = [
  {
    kind: "route",
    meta: meta("app-example-com", { projectName: "web" }),
    spec: { host: "app.example.com", path: "/", to: "container/web:80" },
    status: { url: "https://app.example.com:8443/", state: "down", reason: "the container web has\x1b[2J ended" },
  },
];
const EXPLANATION = {
  steps: [
    { about: "host", name: "app.example.com", verdict: "wins", why: "2 routes; it alone decides about the rest" },
    { about: "host", name: "*.example.com", verdict: "no", why: "1 route; app.example.com is nearer" },
    { about: "route", name: "v2", verdict: "no", why: 'the header x-api is "v1\x1b[2J", not "v2"' },
    { about: "route", name: "app-example-com", verdict: "wins", why: "all paths" },
    { about: "route", verdict: "note", why: "3 more of the host take other paths" },
  ],
  outcome: {
    state: "route",
    text: "The route app-example-com takes it (all paths), and leads to container/web:80.",
    ...{ route: "app-example-com", project: "web", rule: "all paths", to: "container/web:80" },
    url: "https://app.example.com:8443/",
    backend: { state: "down", reason: "the container web has\x1b[2J ended" },
    choice: {
      backends: [
        { name: "a", to: "http://10.0.0.7:3000", eligible: true, why: "weight 1" },
        { name: "b", to: "container/web:80", eligible: false, why: "the container web has\x1b[2J ended" },
      ],
      how: ["Chosen is whose turn it is, by weight."],
    },
  },
};
const SESSIONS = [
  { kind: "session", meta: meta("s"), spec: { user: UID, expiresAt: "2026-08-03T12:00:00.000Z" }, current: true },
];

const STATUS = {
  cluster: UID,
  version: "0.1.0",
  node: "rock",
  state: "degraded",
  uptimeSeconds: 3725,
  revision: 42,
  storage: { replicas: "3 copies on 1 disk", state: "degraded", objects: 12, sizeBytes: 314_572_800 },
  addresses: { api: "http://127.0.0.1:7400", http: "http://127.0.0.1:8080", https: "https://127.0.0.1:8443" },
  problems: ["chunkserver s3 does not answer: \x1b[2Jits disk is gone."],
};
const STORAGE = {
  replicas: "3 copies on 1 disk",
  state: "degraded",
  distinctDisks: 1,
  objects: 12,
  sizeBytes: 314_572_800,
  garbageChunks: 2,
  repairQueue: 5,
  unknownFiles: 3,
  lostChunks: 2,
  lostObjects: [{ bucket: "photos", key: "a\x1b[2Jb" }],
  servers: [
    { name: "s1", directory: "/srv/s1", state: "ok", device: 1, freeBytes: 5e9, totalBytes: 1e11 },
    { name: "s3", directory: "/srv/s3", state: "unavailable", reason: "its disk is gone" },
  ],
};

const ACCESS_LOG = `${[
  '{"time":"2026-11-22T01:02:03.045Z","id":"a.1","route":"u","name":"app","project":"p","client":"192.0.2.7","protocol":"HTTP/1.1","method":"GET","host":"app.example.com","path":"/a/\\u001b[2Jb","status":200,"bytesIn":0,"bytesOut":420,"durationUs":1234,"upstreamUs":900,"upstream":"10.0.0.1:80"}',
  '{"time":"2026-11-22T01:02:04.000Z","id":"a.2","client":"192.0.2.7","protocol":"HTTP/1.1","method":"","host":"","path":"","status":400,"bytesIn":0,"bytesOut":90,"durationUs":0,"error":"invalid"}',
  '{"time":"2026-11-22T01:02:05.000Z","dropped":12}',
].join("\n")}\n`;

const list = (items: readonly unknown[]) => () => ({ items, revision: 42 });
const get = (items: readonly { meta: { name: string } }[]) => (request: { params: Readonly<Record<string, string>> }) =>
  items.find(({ meta: { name } }) => name === request.params["name"]) ??
  refuse("not_found", `There is no ${request.params["name"]}, or it is not yours to see.`)(request as never);
const ANSWERS: readonly (readonly [route: string, answer: Answer])[] = [
  ["bucket.list", list(BUCKETS)],
  ["bucket.get", get(BUCKETS)],
  ["bucket.create", () => BUCKETS[0]],
  ["bucket.update", () => BUCKETS[0]],
  ["bucket.delete", () => undefined],
  ["container.list", list(CONTAINERS)],
  ["container.get", get(CONTAINERS)],
  ["container.create", () => CONTAINERS[0]],
  ["container.update", () => CONTAINERS[0]],
  ["container.delete", () => undefined],
  ["container.logs", () => "GET / 200"],
  ["gateway.log", () => Buffer.from(ACCESS_LOG)],
  ...GATEWAY_ANSWERS,
  ["container.files.read", () => MOTD],
  ["container.files.write", () => ({ files: 1, sizeBytes: 6 })],
  [
    "container.stats",
    () => ({
      ...{ cpu: 0.25, memoryBytes: 1_200_000, memoryLimitBytes: 268_435_456 },
      ...{ pids: 3, receivedBytes: 5000, sentBytes: 700 },
    }),
  ],
  ["network.list", list(NETWORKS)],
  ["network.get", get(NETWORKS)],
  ["network.create", () => NETWORKS[0]],
  ["network.delete", () => undefined],
  ["upstream.list", list(UPSTREAMS)],
  ["upstream.get", get(UPSTREAMS)],
  ["upstream.create", () => UPSTREAMS[0]],
  ["upstream.update", () => UPSTREAMS[0]],
  ["upstream.delete", () => undefined],
  ["certificate.list", list(CERTIFICATES)],
  ["certificate.get", get(CERTIFICATES)],
  ["certificate.create", () => CERTIFICATES[0]],
  ["certificate.update", () => CERTIFICATES[0]],
  ["certificate.delete", () => undefined],
  ["iplist.list", list(IP_LISTS)],
  ["iplist.get", get(IP_LISTS)],
  ["iplist.create", () => IP_LISTS[0]],
  ["iplist.update", () => IP_LISTS[0]],
  ["iplist.delete", () => undefined],
  ["volume.list", list(VOLUMES)],
  ["volume.get", get(VOLUMES)],
  ["volume.create", () => VOLUMES[0]],
  ["volume.delete", () => undefined],
  ["image.list", () => ({ items: IMAGES })],
  ["image.load", () => IMAGES[0]],
  ["image.delete", () => undefined],
  ["user.list", list(USERS)],
  ["user.get", get(USERS)],
  [
    "user.create",
    ({ body }) => ({
      user: USERS[0],
      ...((body as { password?: string }).password === undefined ? { password: "made-for-you" } : {}),
    }),
  ],
  ["user.update", () => USERS[0]],
  ["user.delete", () => undefined],
  ["user.password", () => undefined],
  ["token.list", list(TOKENS)],
  ["token.get", get(TOKENS)],
  ["token.create", () => ({ token: TOKENS[0], secret: "sky_the_secret" })],
  ["token.delete", () => undefined],
  ["project.list", list(PROJECTS)],
  ["project.get", get(PROJECTS)],
  ["project.create", () => PROJECTS[0]],
  ["project.delete", () => undefined],
  ["binding.list", list(BINDINGS)],
  ["binding.create", () => BINDINGS[0]],
  ["binding.delete", () => undefined],
  ["route.list", list(ROUTES)],
  ["route.get", get(ROUTES)],
  ["route.create", () => ROUTES[0]],
  ["route.update", () => ROUTES[0]],
  ["route.purge", () => undefined],
  ["route.switch", () => ROUTES[0]],
  ["route.canary", () => ROUTES[0]],
  ["route.ticket", () => ({ header: "X-Skerry-Explain", ticket: "1.u.mac", expiresAt: "2026-08-02T12:10:00.000Z" })],
  ["route.explain", () => EXPLANATION],
  ["route.delete", () => undefined],
  ["authority.get", () => ({ certificate: "-----BEGIN CERTIFICATE-----\n" })],
  ["session.list", list(SESSIONS)],
  ["session.create", () => ({ token: "sky_session", expiresAt: "2026-08-03T12:00:00.000Z", userName: "alice" })],
  ["session.delete", () => undefined],
  [
    "whoami",
    () => ({
      userUid: UID,
      userName: "alice",
      role: "member",
      projectUid: UID,
      credential: { kind: "session", uid: UID, name: "s" },
    }),
  ],
  ["node.status", () => STATUS],
  ["storage.status", () => STORAGE],
  [
    "job.list",
    () => ({
      revision: 1,
      items: [
        {
          name: "storage.repair",
          summary: "Writes new copies",
          state: "backing-off",
          runs: 9,
          failures: 2,
          lastError: "no disk",
          lastRunAt: "2026-08-02T11:59:00.000Z",
        },
      ],
    }),
  ],
  [
    "audit.list",
    () => ({
      revision: 1,
      items: [
        {
          time: "2026-08-02T11:59:00.123Z",
          requestId: "r1",
          actor: { uid: UID, name: "mallory\x1b]0;x\x07" },
          action: "bucket.delete",
          target: "bucket/photos",
          outcome: "denied",
          code: "forbidden",
          ip: "127.0.0.1",
        },
      ],
    }),
  ],
  ["backup.create", () => "no backup"],
  ["node.metrics", () => "skerry_up 1"],
  ["openapi", () => ({ openapi: "3.1.0" })],
  ["health.live", () => "ok"],
  ["health.ready", () => "ready"],
];

/** Answers for every route but those of objects, which the fake cloud keeps itself. */
export function can(cloud: FakeCloud): void {
  for (const [route, answer] of ANSWERS) cloud.answers.set(route, answer);
}
