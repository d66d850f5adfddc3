/** The gateway of a node: live table, workers, certificates and static sites, wired together. */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { BRIDGE_PREFIX } from "@skerry/core/compute/names.ts";
import { isGuardedAddress } from "@skerry/core/domain/addresses.ts";
import type { StoredCertificate } from "@skerry/core/domain/certificates.ts";
import type { ContainerEndpoints } from "@skerry/core/domain/compute.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Route } from "@skerry/core/domain/gateway.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock, Disk, Random } from "@skerry/core/domain/ports.ts";
import type { Store } from "@skerry/core/domain/store.ts";
import type { Logger, Metrics } from "@skerry/core/domain/telemetry.ts";
import type { UpstreamResource } from "@skerry/core/domain/upstreams.ts";
import { Authority } from "@skerry/core/gateway/authority.ts";
import type { CanaryOptions } from "@skerry/core/gateway/canary/controller.ts";
import { ServedCertificates } from "@skerry/core/gateway/certificates/served.ts";
import type { GivenCertificate, HostPort } from "@skerry/core/gateway/control.ts";
import type { NetworkLists } from "@skerry/core/gateway/guard/network-lists.ts";
import type { L4Counters } from "@skerry/core/gateway/l4/entry.ts";
import { type ActivatedKind, LiveTable } from "@skerry/core/gateway/live-table.ts";
import type { TableSources } from "@skerry/core/gateway/preview/table-draft.ts";
import { signTicket, TICKET_KEY_BYTES } from "@skerry/core/gateway/routing/ticket.ts";
import type { Backend, TableEntry, Upstream } from "@skerry/core/gateway/table.ts";
import type { TableChange } from "@skerry/core/gateway/table-change.ts";
import type { TlsVersion } from "@skerry/core/gateway/tls/rules.ts";
import type { ObjectService } from "@skerry/core/storage/objects.ts";
import { type BackendWords, FoundConditions } from "./backend-conditions.ts";
import { addBackendMetrics, backendRows } from "./backend-metrics.ts";
import { Fleet } from "./fleet.ts";
import type { FleetRoutes } from "./fleet-ears.ts";
import { createGuard } from "./guarded.ts";
import { KernelForwarding } from "./kernel.ts";
import { L4Control, type L4Status } from "./l4-control.ts";
import { LiveCanaries } from "./live-canaries.ts";
import { purge } from "./purge.ts";
import { RouteTraffic } from "./route-traffic.ts";
import { startSites } from "./sites.ts";
import { stateOfSplit, type VariantStatus, variantsOf } from "./split-status.ts";
import { type BackendTraffic, UpstreamCounts } from "./upstream-counts.ts";
import { VariantTraffic } from "./variant-traffic.ts";

export interface GatewayOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly objects: ObjectService;
  readonly containers: ContainerEndpoints;
  /** Of the containers: see `guarded` of the workers. */
  readonly containerNetworks: string;
  readonly cluster: string;
  /** Where the authority's files lie, and the socket of the static sites. */
  readonly directory: string;
  readonly sitesSocket: string;
  /** As `FleetOptions` has it. */
  readonly cacheDirectory: string;
  /** 0: routes are kept, and nothing listens. */
  readonly workers: number;
  /** As `FleetOptions` has it. */
  readonly accessLog?: { readonly directory: string; readonly share: number };
  readonly http: HostPort;
  readonly https: HostPort;
  /** The oldest version of TLS that clients may use. */
  readonly tlsMinVersion: TlsVersion;
  /** Of the API: no route gets it. */
  readonly apiPort: number;
  /** `FROM-TO`: those that routes of any project may take. */
  readonly ports: string;
  /** PEM of the key. @throws `internal/corrupt`. */
  readonly keyOf: (certificate: StoredCertificate) => string;
  /** Networks of proxies in front of it. */
  readonly proxyProtocolFrom: readonly string[];
  /** A canary is to be looked after. */
  readonly onCanary: () => void;
  /** Whether the kernel may forward. */
  readonly inKernel: "auto" | "never";
}

export interface RouteStatus {
  readonly url: string;
  readonly state: "ready" | "down";
  readonly reason?: string;
  /** Of a route that is split. */
  readonly variants?: VariantStatus[];
  /** Of routes below HTTP. */
  readonly traffic?: L4Counters;
  readonly forwarding?: L4Status["forwarding"];
}

export interface UpstreamStatus {
  readonly state: "ready" | "down";
  readonly reason?: string;
  readonly backends: readonly {
    readonly name: string;
    readonly state: "ready" | "draining" | "down";
    readonly reason?: string;
    /** Absent: nobody has asked it. */
    readonly traffic?: BackendTraffic;
  }[];
}

export interface Gateway extends AsyncDisposable {
  /** Absent: nothing listens. */
  readonly httpUrl: string | undefined;
  readonly httpsUrl: string | undefined;
  /** Resolves when the change of a route, or of the kind, that made `revision` is in force. @throws `unavailable/timeout`. */
  activated(revision: number, kind?: ActivatedKind): Promise<void>;
  statusOf(route: Route): RouteStatus;
  upstreamStatusOf(upstream: UpstreamResource): UpstreamStatus;
  /** What each of its backends is compiled to; text: why it leads nowhere. */
  backendsOf(upstream: UpstreamResource): readonly (Backend | string)[];
  /** What who looks after canaries must know. */
  readonly canaries: Pick<CanaryOptions, "live" | "seen">;
  /** It has been deleted. */
  forgetUpstream(uid: string): void;
  /** Whether a port is open to every project (`any`), to who may use any port, or is one of our own. On `https` ssh may come too. */
  portRule(port: number): "any" | "guarded" | "https" | "own";
  /** For requests whose answers are to say which route of the project has decided. */
  /** What is kept of the answers of a route (uid) goes, in all workers; of a path only when one is said. @throws `unavailable/timeout`. */
  purge(route: string, path?: string): Promise<void>;
  ticketFor(project: string): { readonly ticket: string; readonly untilMs: number };
  /** Networks that routes name, as they are in force. */
  readonly lists: NetworkLists;
  /** What the routes of the project are compiled from. */
  sourcesOf(project: string): TableSources;
  /** All that may decide about requests to this host name. */
  entriesFor(host: string): readonly TableEntry[];
  /** Whether no route leads to the address but those of who may use any. */
  isGuarded(ip: string): boolean;
  /** Absent: requests are not logged. */
  readonly accessLogDirectory: string | undefined;
  /** What is not as it should be, in sentences. */
  problems(): readonly string[];
  /** What will not be as it should be soon, or needs somebody: in sentences. */
  warnings(): readonly string[];
  /** The certificate that clients must trust, PEM. */
  authorityCertificate(): Promise<string>;
  drain(): Promise<void>;
}

/** Nobody asks for it: the default certificate is good for the addresses that stand beside it. */
const DEFAULT_NAME = "gateway.invalid";

/** Where a listener at this address is reached. */
function addressesAt(host: string): readonly string[] {
  if (host !== "0.0.0.0" && host !== "::") return isIP(host) === 0 ? [] : [host];
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.map(({ address }) => address).slice(0, MAX_ADDRESSES);
}

/** Machines with containers have hundreds. */
const MAX_ADDRESSES = 32;

function portRuleOf({ apiPort, http, https, ports }: GatewayOptions, port: number): ReturnType<Gateway["portRule"]> {
  if (port === https.port) return "https";
  if ([apiPort, http.port].includes(port)) return "own";
  const [from = 0, to = 0] = ports.split("-").map(Number);
  return port >= from && port <= to ? "any" : "guarded";
}

/** `publish` says whether there are workers that were told. */
function openTables(
  options: GatewayOptions & { readonly certificates: ServedCertificates; readonly canaries: LiveCanaries },
  parts: AsyncDisposableStack,
  publish: (change: Parameters<Fleet["publish"]>[0]) => boolean,
  httpsPort: () => number,
): { table: LiveTable; l4: L4Control } {
  const onChange = (change: TableChange): void => {
    options.canaries.take(change);
    if (publish(change) && change.putL4.length + change.remove.length > 0) l4.update(change.remove);
  };
  const table = parts.use(new LiveTable({ ...options, onChange }));
  const isOwn = createGuard([options.containerNetworks]);
  const kernel = parts.use(
    new KernelForwarding({
      ...{ ...options, host: options.http.host, bridges: BRIDGE_PREFIX, entries: () => table.l4 },
      isEnabled: options.inKernel === "auto",
      hasAnnouncers: options.proxyProtocolFrom.length > 0,
      isGuarded: (ip) => isGuardedAddress(ip, isOwn),
    }),
  );
  const l4 = parts.use(
    new L4Control({
      ...{ ...options, kernel },
      entries: () => table.l4,
      entry: (uid) => table.l4Entry(uid),
      httpsPort,
      publish: (ports) => publish({ put: [], putL4: [], remove: [], ports }),
    }),
  );
  return { table, l4 };
}

/** `running` is the port of HTTPS when there are workers. */
function statusOf(
  route: Route,
  running: number | undefined,
  declared: number,
  entry: TableEntry | undefined,
  wordsOf: WordsOf,
  traffic: VariantTraffic,
): RouteStatus {
  const { spec } = route;
  const port = running ?? declared;
  const url = `https://${spec.host}${port === 443 || port === 0 ? "" : `:${port}`}${spec.match?.path === "regex" ? "/" : spec.path}`;
  if (running === undefined) return { url, state: "down", reason: "this node runs no gateway workers" };
  if (entry === undefined) return { url, state: "down", reason: "it is not in force yet" };
  const { upstream, actions } = entry;
  const answers = actions?.redirect !== undefined || actions?.respond !== undefined;
  if (answers) return { url, state: "ready" };
  const variants = variantsOf(route, entry, traffic, (one) => howIs(one, wordsOf));
  if (variants.length > 0 && upstream.reason === undefined) return { url, ...stateOfSplit(variants), variants };
  return { url, ...howIs(upstream, wordsOf) };
}

function howIs(upstream: Upstream, wordsOf: WordsOf): BackendWords {
  if (upstream.backends.length > 0 && upstream.reason === undefined) return nobodyIn(upstream, wordsOf);
  return { state: "down", reason: upstream.reason ?? "it has no backend" };
}

/** Down when no backend gets requests. */
function nobodyIn({ id, backends }: TableEntry["upstream"], wordsOf: WordsOf): BackendWords {
  const words = backends.flatMap(({ name, drain }) =>
    id === undefined || name === undefined || drain ? [] : [{ name, ...wordsOf(id, name) }],
  );
  const [first] = words;
  if (first === undefined || words.some(({ state }) => state === "ready")) return { state: "ready" };
  return { state: "down", reason: `no backend gets requests; ${first.name}: ${first.reason}` };
}

/** How a backend of an upstream is, by uid and name. */
type WordsOf = (upstream: string, backend: string) => BackendWords;

/** `backends`: what they are compiled to; undefined: nothing runs here. */
function upstreamStatusOf(
  { meta, spec }: UpstreamResource,
  compiled: readonly (Backend | string)[] | undefined,
  counts: UpstreamCounts,
  wordsOf: WordsOf,
): UpstreamStatus {
  const backends = spec.backends.map(({ name, drain }, at) => {
    const made = compiled?.[at];
    const traffic = counts.of(meta.uid, name);
    const shown = { name, ...(traffic === undefined ? {} : { traffic }) };
    if (typeof made === "string") return { ...shown, state: "down" as const, reason: made };
    return drain ? { ...shown, state: "draining" as const } : { ...shown, ...wordsOf(meta.uid, name) };
  });
  if (compiled === undefined) return { state: "down", reason: "this node runs no gateway workers", backends };
  if (backends.some(({ state }) => state === "ready")) return { state: "ready", backends };
  const reason = backends.every(({ state }) => state === "draining")
    ? "all backends are drained"
    : "no backend is ready";
  return { state: "down", reason, backends };
}

/** What workers tell of backends, also as metrics. `now` is asked when there are some. */
function countBackends(
  metrics: Metrics,
  conditions: FoundConditions,
  now: () => { readonly table: LiveTable; readonly workers: number },
): UpstreamCounts {
  const counts = new UpstreamCounts((uid, name) => {
    const upstream = now().table.upstreams.find(uid);
    return upstream?.spec.backends.some((one) => one.name === name) === true;
  });
  addBackendMetrics(metrics, () => {
    const { table, workers } = now();
    const compiled = (upstream: UpstreamResource) => table.backendsOf(upstream);
    return backendRows({ upstreams: table.upstreams.all, compiled, counts, conditions, workers });
  });
  return counts;
}

/** The project's own for a host, else one of our authority's; none for a name without a route. */
function certificateSource(authority: Authority, certificates: ServedCertificates, table: LiveTable, address: string) {
  return async (host: string): Promise<GivenCertificate | undefined> => {
    if (host === "") return authority.issue(DEFAULT_NAME, ...addressesAt(address));
    const project = table.projectOf(host);
    if (project === undefined) return undefined;
    const apart = host.startsWith("*.") ? { apart: certificates.namesBelow(project, host) } : {};
    const clients = table.clientTermsOf(host);
    const made = certificates.find(project, host) ?? (await authority.issue(host));
    return { ...made, ...apart, ...(clients === undefined ? {} : { clients }) };
  };
}

function ticketFor(clock: Clock, key: Buffer, project: string): ReturnType<Gateway["ticketFor"]> {
  const untilMs = clock.wallMs() + LIMITS.gateway.explainTicketMs;
  return { ticket: signTicket(key, project, untilMs), untilMs };
}

function servedCertificates(options: GatewayOptions): ServedCertificates {
  const { log } = options;
  return new ServedCertificates({
    wallMs: () => options.clock.wallMs(),
    keyOf: options.keyOf,
    onUnusable: ({ meta }, error) =>
      log.error({ error, certificate: meta.uid }, "gateway: a certificate cannot be used"),
  });
}

function routesAnd(routes: RouteTraffic, variants: VariantTraffic): FleetRoutes {
  return {
    onNews: (worker, news) => {
      routes.onNews(worker, news);
      variants.onNews(news);
    },
    onGone: (worker) => routes.onGone(worker),
  };
}

/** @throws what keeps it from listening. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  await using parts = new AsyncDisposableStack();
  const { log, objects, sitesSocket, workers, http, https } = options;
  const authority = new Authority(options);
  const explainKey = Buffer.from(options.random.bytes(TICKET_KEY_BYTES));
  const certificates = servedCertificates(options);
  const routes = new RouteTraffic(options.metrics, (uid) => table.entry(uid) !== undefined);
  const variants = new VariantTraffic(options.metrics, (uid) => table.entry(uid));
  const conditions = new FoundConditions(options);
  const upstreams = countBackends(options.metrics, conditions, () => ({ table, workers: fleet?.pids.length ?? 0 }));
  let fleet: Fleet | undefined;
  const publish = (change: Parameters<Fleet["publish"]>[0]): boolean => fleet?.publish(change) !== undefined;
  const canaries = new LiveCanaries(options.onCanary);
  const httpsPort = () => fleet?.httpsPort ?? https.port;
  const { table, l4 } = openTables({ ...options, certificates, canaries }, parts, publish, httpsPort);
  await table.start();
  if (workers > 0) {
    parts.use(await startSites({ objects, log, socketPath: sitesSocket }));
    await l4.start();
    fleet = parts.use(
      new Fleet({
        ...{ ...options, entries: () => table.entries, guarded: [options.containerNetworks] },
        ...{ l4, upstreams, conditions, lists: table.lists, routes: routesAnd(routes, variants) },
        announcers: options.proxyProtocolFrom,
        explainKey: explainKey.toString("base64"),
        certificateFor: certificateSource(authority, certificates, table, https.host),
      }),
    );
    await fleet.start();
  }
  const isOwn = createGuard([options.containerNetworks]);
  const wordsOf: WordsOf = (upstream, backend) => conditions.wordsOf(upstream, backend, running?.pids.length ?? 0);
  const isGuarded = (ip: string) => isGuardedAddress(ip, isOwn);
  const owned = parts.move();
  const running = fleet;
  return {
    httpUrl: running && `http://${authorityOf(http.host, running.httpPort)}`,
    httpsUrl: running && `https://${authorityOf(https.host, running.httpsPort)}`,
    async activated(revision, kind) {
      await seen(table, revision, kind);
      if (running === undefined) return;
      await l4.settled();
      await running.activated();
    },
    statusOf(route) {
      if (route.spec.listen !== undefined) return l4.statusOf(route, running !== undefined);
      return statusOf(route, running?.httpsPort, https.port, table.entry(route.meta.uid), wordsOf, variants);
    },
    upstreamStatusOf: (upstream) =>
      upstreamStatusOf(upstream, running && table.backendsOf(upstream), upstreams, wordsOf),
    backendsOf: (upstream) => table.backendsOf(upstream),
    canaries: { live: () => canaries.all, seen: (uid, variant) => variants.seen(uid, variant) },
    forgetUpstream: (uid) => upstreams.forget(uid),
    portRule: (port) => portRuleOf(options, port),
    purge: async (route, path) => running && purge(running, options.cacheDirectory, route, path),
    ticketFor: (project) => ticketFor(options.clock, explainKey, project),
    entriesFor: (host) => table.entriesFor(host),
    sourcesOf: (project) => table.sourcesOf(project),
    ...{ isGuarded, lists: table.lists },
    accessLogDirectory: options.accessLog?.directory,
    problems: () => running?.problems() ?? [],
    warnings: () => certificates.warnings(),
    authorityCertificate: () => authority.certificate(),
    drain: async () => running?.drain(LIMITS.http.drainMs),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Resolves when the table has the change. @throws `unavailable/timeout`. */
async function seen(table: LiveTable, revision: number, kind: ActivatedKind | undefined): Promise<void> {
  const late = AbortSignal.timeout(LIMITS.gateway.activateMs);
  await table.settled(revision, late).catch((cause: unknown) => {
    throw new SkerryError("unavailable/timeout", "The change is stored, but the gateway has not seen it yet.", {
      hint: `Do not repeat it; look again in a moment: skerry ${kind ?? "route"} ls`,
      cause,
    });
  });
}

function authorityOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
