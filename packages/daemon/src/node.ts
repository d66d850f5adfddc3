/** The composition root: what the daemon is made of, in the order in which it comes up. Disposed in reverse. */
import { join } from "node:path";
import { createAudit } from "@skerry/core/auth/audit.ts";
import { createAuth } from "@skerry/core/auth/auth.ts";
import { createPasswordHasher } from "@skerry/core/auth/passwords.ts";
import { createCompute } from "@skerry/core/compute/compute.ts";
import { createDockerEngine } from "@skerry/core/compute/docker/docker-engine.ts";
import type { Engine } from "@skerry/core/compute/engine.ts";
import { createIptablesFirewall, type Firewall } from "@skerry/core/compute/firewall.ts";
import { ImageLoader } from "@skerry/core/compute/image-loader.ts";
import { type AuditRecord, createDispatcher, type Dispatch } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Principal } from "@skerry/core/domain/identity.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Sealer } from "@skerry/core/domain/ports.ts";
import type { Store } from "@skerry/core/domain/store.ts";
import type { Logger, Metrics } from "@skerry/core/domain/telemetry.ts";
import { CANARY_JOB } from "@skerry/core/gateway/canary/controller.ts";
import { CertificateService } from "@skerry/core/gateway/certificates/service.ts";
import { IpListService } from "@skerry/core/gateway/guard/lists-service.ts";
import { GatewayHistory } from "@skerry/core/gateway/history/history.ts";
import { RouteService } from "@skerry/core/gateway/routes.ts";
import { UpstreamService } from "@skerry/core/gateway/upstreams/service.ts";
import { createJobRunner } from "@skerry/core/jobs/runner.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { createDigestThread } from "@skerry/core/platform/digests.ts";
import { realDisk as disk } from "@skerry/core/platform/disk.ts";
import { realRandom as random } from "@skerry/core/platform/random.ts";
import { openSealer } from "@skerry/core/platform/sealing.ts";
import { BucketService } from "@skerry/core/storage/buckets.ts";
import { openSqliteIndex } from "@skerry/core/storage/index/sqlite/open.ts";
import { verifyJob } from "@skerry/core/storage/index/sqlite/verify-job.ts";
import { createObjectService } from "@skerry/core/storage/objects.ts";
import { openChunkServers } from "@skerry/core/storage/open-chunkservers.ts";
import { createBallast, DiskReserve } from "@skerry/core/storage/reserve.ts";
import { Drafts } from "@skerry/core/store/drafts.ts";
import { openNedbStore } from "@skerry/core/store/drivers/nedb/nedb.ts";
import { Rehearsals } from "@skerry/core/store/rehearsal.ts";
import { createBackups } from "./backup/create.ts";
import type { Config } from "./config/load.ts";
import { accessShareOf } from "./config/values.ts";
import type { DataDirectory } from "./data/directory.ts";
import { type FirstStart, firstStart, forgetFirstPassword } from "./first-start.ts";
import { lookAfterCanaries } from "./gateway/canaries.ts";
import { type Gateway, type GatewayOptions, startGateway } from "./gateway/gateway.ts";
import { Feed } from "./http/feed.ts";
import { createHandlers } from "./http/handlers.ts";
import { ApiServer, type RequestRecord } from "./http/server.ts";
import type { Feeds, Services } from "./http/services.ts";
import type { PeerTimeouts } from "./http/timeouts.ts";
import { createDiskPressure, type DiskPressure } from "./pressure.ts";
import { createFailureCheck } from "./readiness.ts";
import { VERSION } from "./version.ts";

export interface NodeOptions {
  readonly config: Config;
  /** Prepared and locked by the caller. */
  readonly data: DataDirectory;
  readonly log: Logger;
  readonly metrics: Metrics & { render(): Promise<string> };
  readonly onRequest: (record: RequestRecord) => void;
  readonly onFirstStart?: (first: FirstStart) => Promise<void>;
  /** Tests: every JSON answer must fit its schema. */
  readonly verifyOutput?: boolean;
  /** Tests: shorter ones. */
  readonly timeouts?: PeerTimeouts;
  /** Tests: others than Docker and the kernel's. */
  readonly engine?: { readonly engine: Engine; readonly firewall: Firewall };
}

export interface Node extends AsyncDisposable {
  readonly apiUrl: string;
  readonly socketPath: string;
  readonly gateway: Pick<Gateway, "httpUrl" | "httpsUrl">;
  readonly firstStart: boolean;
  readonly dispatch: Dispatch;
  /** Takes no new requests, lets those under way finish, at most `LIMITS.http.drainMs`. Then dispose. */
  drain(): Promise<void>;
}

/** @throws what keeps a part from coming up; what came up before it is gone again then. */
export async function startNode(options: NodeOptions): Promise<Node> {
  await using parts = new AsyncDisposableStack();
  const { data, metrics } = options;
  const phase: Phase = { state: "starting", apiUrl: "" };
  const rehearsals = new Rehearsals();
  const { services, pressure, firstStart } = await openServices(options, parts, phase, rehearsals);
  const { audit, auth } = services;
  const dispatch = createDispatcher({
    routes: ROUTES,
    handlers: createHandlers(services),
    authorizer: auth.authorizer,
    decide: auth.decide,
    authenticate: (authorization) => auth.authenticate(bearerOf(authorization)),
    admitMutation: async () => {
      await pressure.relieve();
      await audit.assertWritable();
    },
    rehearse: (work) => rehearsals.run(work),
    audit: (record) => recordAudit(audit, record),
    clock,
    ...(options.verifyOutput === undefined ? {} : { verifyOutput: options.verifyOutput }),
  });
  const apis = await listen(options, dispatch);
  parts.defer(() => closeAll(apis.all, AbortSignal.abort()));
  metrics.gauge("skerry_http_requests_in_flight", "Requests that are being served.", () =>
    apis.all.reduce((sum, api) => sum + api.inFlight, 0),
  );
  phase.apiUrl = apis.url;
  services.compute.start();
  phase.state = "serving";
  const owned = parts.move();
  return {
    apiUrl: apis.url,
    socketPath: data.socketPath,
    gateway: services.gateway,
    firstStart,
    dispatch,
    async drain() {
      phase.state = "draining";
      const apisClosed = closeAll(apis.all, AbortSignal.timeout(LIMITS.http.drainMs));
      await Promise.all([apisClosed, services.gateway.drain()]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function closeAll(apis: readonly ApiServer[], deadline: AbortSignal): Promise<void> {
  await Promise.all(apis.map((api) => api.close(deadline)));
}

interface Phase {
  state: "starting" | "serving" | "draining";
  /** Empty until it listens. */
  apiUrl: string;
}

interface Opened {
  readonly services: Services;
  readonly pressure: DiskPressure;
  readonly firstStart: boolean;
}

/** Kinds that a project owns: they go before it does. */
const OWNED_KINDS = [
  ...["bucket", "route", "upstream", "certificate", "iplist", "container", "volume", "network"],
] as const;

async function ownsNothing(store: Store, projectUid: string): Promise<boolean> {
  const first = (kind: string) => store.list({ prefix: `/${kind}/${projectUid}/`, limit: 1 });
  const found = await Promise.all(OWNED_KINDS.map(first));
  return found.every(({ entries }) => entries.length === 0);
}

function openGatewayChanges(store: Store): Services["gatewayChanges"] {
  const history = new GatewayHistory({ store, clock });
  return { history, drafts: new Drafts(history.store()) };
}

/** Everything below the API. Each part is disposed after those that were opened later and use it. */
async function openServices(
  options: NodeOptions,
  parts: AsyncDisposableStack,
  phase: Readonly<Phase>,
  rehearsals: Rehearsals,
): Promise<Opened> {
  const { config, data, log, metrics } = options;
  const world = { clock, disk, log, metrics, random };
  const { cluster } = data;
  const startedMs = clock.monotonicMs();
  const ballast = createBallast({ disk, directory: data.path, random });
  const pressure = createDiskPressure({ ballast, clock, disk, directory: data.path, log });
  await pressure.relieve();

  if (data.populated) await assertPopulated(data);
  const store = rehearsals.store(parts.use(await openNedbStore({ ...world, path: data.storeFile, cluster })));
  const hasher = await createPasswordHasher({ random, metrics });
  const first = await firstStart({ ...options, store, hasher, clock, random });
  const index = parts.use(await openSqliteIndex({ ...world, directory: data.indexDirectory, cluster }));
  if (!data.populated) await data.markPopulated();
  const directories = storageDirectories(config, data);
  const servers = await openChunkServers({ ...world, directories, cluster, registryFile: data.chunkserversFile });
  let wake = (_job: string): void => undefined; // until the jobs run
  const digests = parts.use(createDigestThread());
  const feeds: Feeds = { audit: new Feed(world), jobs: new Feed(world), objects: new Feed(world) };
  const storage = { ...world, index, servers, digests, onChange: feeds.objects.tell };
  const objects = parts.use(await createObjectService({ ...storage, wake: (job) => wake(job) }));
  const { auditDirectory } = data;
  const audit = parts.use(await createAudit({ ...world, directory: auditDirectory, onRecord: feeds.audit.tell }));
  const projectIsEmpty = (uid: string) => ownsNothing(store, uid);
  const { compute, imageLoader } = await openCompute(options, parts, store);
  const gatewayChanges = openGatewayChanges(store);
  const releaseProject = (uid: string) => compute.use.clear(uid).then(() => gatewayChanges.history.clear(uid));
  const authOptions = { store, hasher, directory: data.authDirectory, projectIsEmpty, releaseProject };
  const auth = parts.use(await createAuth({ ...world, ...authOptions }));
  const buckets = new BucketService({ ...world, store, index: rehearsals.index(index) });
  await buckets.resume();
  const changing = { ...world, store: gatewayChanges.drafts.store };
  const routes = new RouteService(changing);
  const upstreams = new UpstreamService(changing);
  const ipLists = new IpListService(changing);
  const certificates = new CertificateService({ ...changing, sealer: await openSecrets(store, data) });
  const { endpoints: containers } = compute;
  const keyOf: GatewayOptions["keyOf"] = (one) => certificates.keyOf(one);
  const onCanary = () => wake(CANARY_JOB);
  const gateway = parts.use(
    await startGateway({ ...world, store, objects, cluster, containers, keyOf, onCanary, ...gatewaySettings(options) }),
  );
  const canaries = lookAfterCanaries({ ...world, ...gatewayChanges, routes, gateway, audit });

  const jobs = parts.use(createJobRunner({ ...world, onChange: feeds.jobs.tell }));
  for (const job of [...objects.jobs, verifyJob(index, log), ...auth.jobs, ...compute.jobs, canaries.job, pressure.job])
    jobs.add(job);
  wake = (job) => jobs.wake(job);
  onCanary();
  const backups = await createBackups({ ...world, store, index, buckets, data });
  const findFailure = createFailureCheck({ audit, auth, index, servers, store });
  const services: Services = {
    ...{ audit, auth, backups, buckets, certificates, clock, compute, feeds, gateway, imageLoader, index, jobs },
    ...{ canaries, gatewayChanges, objects, routes, ipLists, store, upstreams },
    node: {
      ...{ cluster, name: config.node.name, version: VERSION, startedMs },
      apiUrl: () => phase.apiUrl,
      readiness: readinessOf(phase, findFailure),
      passwordChanged: (userName) => forgetFirstPassword(data.firstPasswordFile, userName),
    },
    renderMetrics: () => metrics.render(),
  };
  return { services, pressure, firstStart: first };
}

function readinessOf(phase: Readonly<Phase>, findFailure: () => Promise<string | undefined>) {
  return async () => {
    const reason = phase.state === "serving" ? await findFailure() : undefined;
    return reason === undefined ? { state: phase.state } : { state: "failing" as const, reason };
  };
}

function gatewaySettings({ config, data }: NodeOptions) {
  const { api, http, https } = config.listen;
  const { gatewayDirectory: directory, sitesSocket } = data;
  const { accessLog, ...gateway } = config.gateway;
  const share = accessShareOf(accessLog);
  return {
    ...{ ...gateway, http, https, apiPort: api.port, directory, sitesSocket, cacheDirectory: data.answersDirectory },
    containerNetworks: config.engine.pool,
    ...(share === undefined ? {} : { accessLog: { directory: data.accessLogDirectory, share } }),
  };
}

/** Asks no engine: there may be none, and everything else works without. */
async function openCompute(options: NodeOptions, parts: AsyncDisposableStack, store: Store) {
  const { config, data, log, metrics } = options;
  const { socket: socketPath, pool, publish: publishAddress } = config.engine;
  const { engine, firewall } = options.engine ?? {
    engine: createDockerEngine({ socketPath, clock }),
    firewall: createIptablesFirewall(),
  };
  const { cluster } = data;
  const { api, http, https } = config.listen;
  const ownPorts = [api.port, http.port, https.port];
  const world = { clock, log, metrics, random, store };
  const compute = parts.use(
    await createCompute({ ...world, engine, firewall, cluster, pool, publishAddress, ownPorts }),
  );
  const directory = data.imageSpoolDirectory;
  const reserve = new DiskReserve(disk, "images", directory);
  const { images, use } = compute;
  const imageLoader = new ImageLoader({ engine, images, store, use, disk, random, directory, reserve });
  await imageLoader.clean();
  return { compute, imageLoader };
}

/** The key that seals the secrets in the store; made when nothing was sealed with it yet. @throws `internal/corrupt`. */
async function openSecrets(store: Store, data: DataDirectory): Promise<Sealer> {
  const { entries } = await store.list({ prefix: "/certificate/", limit: 1 });
  return openSealer({ disk, random, path: data.masterKeyFile, mayCreate: entries.length === 0 });
}

/** An empty store or index in place of a lost one would look healthy, and forget everything. @throws `internal/corrupt`. */
async function assertPopulated(data: DataDirectory): Promise<void> {
  for (const path of [data.storeFile, join(data.indexDirectory, "index.sqlite")]) {
    if ((await disk.stat(path)) !== undefined) continue;
    throw new SkerryError("internal/corrupt", `${path} is missing, and this cloud has had it. Nothing was changed.`, {
      hint: "Put it back, or a backup: skerry backup restore FILE --force. A new cloud needs a new directory: --data DIR.",
    });
  }
}

function storageDirectories(config: Config, data: DataDirectory) {
  const own = Array.from({ length: LIMITS.objects.replicas }, (_, i) => join(data.storageDirectory, `s${i + 1}`));
  const directories = config.storage.directories.length > 0 ? config.storage.directories : own;
  return directories.map((directory, i) => ({ name: `s${i + 1}`, directory }));
}

/** @throws `unauthenticated` for a scheme that is not ours. */
function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer;
  throw new SkerryError("unauthenticated", "The Authorization header must be: Bearer TOKEN.");
}

async function recordAudit(audit: Services["audit"], { call, outcome, error }: AuditRecord): Promise<void> {
  const { credential, userUid, userName } = call.principal;
  const event = {
    requestId: call.request.id,
    actor: {
      uid: userUid,
      name: userName,
      ...(credential === undefined ? {} : { credential: credentialText(credential) }),
    },
    action: call.route.id,
    outcome,
    ...(call.target === undefined ? {} : { target: call.target }),
    ...(error === undefined ? {} : { code: error.reason === undefined ? error.code : `${error.code}/${error.reason}` }),
    ip: call.request.remoteAddress,
  };
  if (outcome === "denied") audit.denied(event);
  else await audit.record(event);
}

function credentialText({ kind, name }: NonNullable<Principal["credential"]>): string {
  return `${kind}/${name}`;
}

async function listen(options: NodeOptions, dispatch: Dispatch): Promise<{ all: readonly ApiServer[]; url: string }> {
  const { config, data, onRequest, timeouts } = options;
  const shared = {
    ...{ dispatch, onRequest },
    monotonicMs: () => clock.monotonicMs(),
    ...(timeouts === undefined ? {} : { timeouts }),
  };
  const unix = new ApiServer({ ...shared, listener: { kind: "unix" } });
  const { host, port } = config.listen.api;
  const tcp: ApiServer = new ApiServer({ ...shared, listener: { kind: "tcp", host, port: () => tcp.port } });
  try {
    await tcp.listen({ host, port });
    await unix.listen({ path: data.socketPath });
  } catch (error) {
    await Promise.all([tcp, unix].map((api) => api.close(AbortSignal.abort())));
    throw listenError(error as NodeJS.ErrnoException, `${host}:${port}`);
  }
  const literal = host.includes(":") ? `[${host}]` : host;
  return { all: [unix, tcp], url: `http://${literal}:${tcp.port}` };
}

function listenError(error: NodeJS.ErrnoException, address: string): SkerryError {
  if (error.code === "EADDRINUSE") {
    return new SkerryError("unavailable", `The API cannot listen on ${address}: another program uses this port.`, {
      cause: error,
      hint: "Choose another: --listen-api 127.0.0.1:0 takes any free one. `ss -ltnp` shows who has it.",
    });
  }
  if (error.code === "EACCES") {
    return new SkerryError("forbidden", `The API may not listen on ${address}: the system forbids it.`, {
      cause: error,
      hint: "Ports below 1024 need root. Choose another with --listen-api.",
    });
  }
  return new SkerryError("unavailable", `The API cannot listen on ${address}: ${error.code ?? error.message}.`, {
    cause: error,
    hint: "Choose another address with --listen-api HOST:PORT.",
  });
}
