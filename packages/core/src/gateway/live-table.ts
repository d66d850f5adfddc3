/**
 * The routing table as the store has it at this moment: lists, then watches from there, and lists again when the watch was
 * too slow or broke. What changes is told as deltas, all of one transaction in one; a bucket or a container that comes or
 * goes changes the routes to it.
 */
import type { StoredCertificate } from "../domain/certificates.ts";
import type { ContainerEndpoints } from "../domain/compute.ts";
import { isError, SkerryError } from "../domain/errors.ts";
import type { ClientTls, Route } from "../domain/gateway.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import { resourceKey } from "../domain/resource.ts";
import { type IpList, listsIn } from "../domain/route-access.ts";
import { destinationsOf, upstreamsIn } from "../domain/route-split.ts";
import type { Entry, Store, WatchEvent } from "../domain/store.ts";
import type { Logger } from "../domain/telemetry.ts";
import type { UpstreamResource } from "../domain/upstreams.ts";
import type { ServedCertificates } from "./certificates/served.ts";
import { backendsOf, compileRoute, type Lookups } from "./compile.ts";
import { LiveLists } from "./guard/live-lists.ts";
import type { NetworkLists } from "./guard/network-lists.ts";
import { HostEntries } from "./host-entries.ts";
import { KnownBuckets } from "./known-buckets.ts";
import { compileListener } from "./l4/compile.ts";
import type { L4Entry } from "./l4/entry.ts";
import type { TableSources } from "./preview/table-draft.ts";
import { certificatesShownBy, placesOf, upstreamKeysOf } from "./route-places.ts";
import type { Backend, TableEntry } from "./table.ts";
import { mergeChanges, type TableChange } from "./table-change.ts";
import { ByHost } from "./tls/by-host.ts";
import { crlUntilMs } from "./tls/client-authorities.ts";
import { type ClientTerms, termsIdOf } from "./tls/peer.ts";
import { LiveUpstreams } from "./upstreams/live-upstreams.ts";

export interface LiveTableOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sitesSocket: string;
  readonly containers: ContainerEndpoints;
  /** Kept as the store has them. */
  readonly certificates: Pick<ServedCertificates, "put" | "drop" | "keys" | "clientPair">;
  /** Told before `revision` counts as seen. */
  readonly onChange: (change: TableChange) => void;
}

const KINDS = ["iplist", "route", "bucket", "certificate", "upstream"] as const;
type FollowedKind = (typeof KINDS)[number];
/** Of which a change is waited for. */
export type ActivatedKind = Exclude<FollowedKind, "bucket">;

export class LiveTable implements AsyncDisposable {
  readonly #options: LiveTableOptions;
  readonly #lookups: Lookups;
  readonly #stop = new AbortController();
  /** By key of the store. */
  #routes = new Map<string, Route>();
  readonly upstreams = new LiveUpstreams();
  readonly #buckets = new KnownBuckets();
  readonly #entries = new Map<string, TableEntry>();
  readonly #l4 = new Map<string, L4Entry>();
  /** The entries that lead from each host, as it is written in the route; by id. */
  readonly #hosts = new HostEntries();
  readonly #clientTls = new ByHost<ClientTls>();
  readonly #ipLists = new LiveLists();
  /** Found and not told yet. */
  #untold: Partial<TableChange>[] = [];
  /** Revision of the store up to which all has been told. */
  #seen = 0;
  readonly #waiters = new Set<() => void>();
  #running: Promise<unknown> | undefined;
  #following: Disposable | undefined;

  constructor(options: LiveTableOptions) {
    this.#options = options;
    this.#lookups = {
      bucket: (name) => this.#buckets.named(name),
      container: (project, name) => options.containers.find(project, name),
      upstream: (project, name) => this.upstreams.get(resourceKey("upstream", project, name)),
      clientCertificate: (project, name) => options.certificates.clientPair(resourceKey("certificate", project, name)),
      ipList: (project, name) => this.#ipLists.idOf(project, name),
      sitesSocket: options.sitesSocket,
    };
  }

  /** All of it, now. */
  get entries(): readonly TableEntry[] {
    return [...this.#entries.values()];
  }

  /** Networks that routes name. */
  get lists(): NetworkLists {
    return this.#ipLists.sets;
  }

  /** Those below HTTP. */
  get l4(): readonly L4Entry[] {
    return [...this.#l4.values()];
  }

  l4Entry(uid: string): L4Entry | undefined {
    return this.#l4.get(uid);
  }

  /** What a route is compiled to; by its uid. */
  entry(uid: string): TableEntry | undefined {
    return this.#entries.get(uid);
  }

  /** What each backend of the upstream is compiled to; text: why it leads nowhere. */
  backendsOf(upstream: UpstreamResource): readonly (Backend | string)[] {
    return backendsOf(upstream, this.#lookups);
  }

  /** What the routes of the project are compiled from. */
  sourcesOf(project: string): TableSources {
    const routes = this.#routesWhere(({ meta }) => meta.project === project);
    return { routes, lookups: this.#lookups, lists: this.#ipLists.sets };
  }

  /** Uid of the project whose routes lead from this host name; undefined: none does. */
  projectOf(host: string): string | undefined {
    const served = this.#hosts.servedAs(host);
    return served === undefined ? undefined : this.#hosts.projectAt(served);
  }

  /** All that may decide about requests to this host name. */
  entriesFor(host: string): readonly TableEntry[] {
    return this.#hosts.allFor(host);
  }

  /** How handshakes for the host ask for certificates; undefined: not at all. */
  clientTermsOf(host: string): ClientTerms | undefined {
    const served = this.#hosts.servedAs(host);
    const clientTls = served === undefined ? undefined : this.#clientTls.of(served);
    if (clientTls === undefined) return undefined;
    const { ca, crl } = clientTls;
    return { id: termsIdOf(clientTls), ca, ...(crl === undefined ? {} : { crl, crlUntilMs: crlUntilMs(crl) }) };
  }

  /** @throws what the store throws. */
  async start(): Promise<void> {
    await this.#listAll();
    this.#running = this.#follow();
    this.#following = this.#options.containers.subscribe((project, name) => {
      const isThere = (to: string) => to.replace(/^https\+/, "").startsWith(`container/${name}:`);
      const leadsThere = (route: Route) =>
        route.meta.project === project && placesOf(route, this.upstreams).some(isThere);
      this.#apply(this.#routesWhere(leadsThere));
      this.#flush();
    });
    this.#recompile(); // what has changed before it was subscribed to
    this.#flush();
  }

  /** Resolves when changes up to `revision` have been told. Rejects when the signal aborts. */
  async settled(revision: number, signal: AbortSignal): Promise<void> {
    if (this.#seen >= revision) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => {
      if (this.#seen >= revision) resolve();
    };
    const onAbort = () => reject(signal.reason);
    this.#waiters.add(check);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      await promise;
    } finally {
      this.#waiters.delete(check);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#following?.[Symbol.dispose]();
    this.#stop.abort(new SkerryError("unavailable/closed", "The gateway has been closed."));
    await this.#running;
  }

  /** One watch for all kinds: what one transaction changes is in force at once. */
  async #follow(): Promise<void> {
    const { store, clock, log } = this.#options;
    const { signal } = this.#stop;
    let backoffMs: number = LIMITS.jobs.minBackoffMs;
    while (!signal.aborted) {
      try {
        for await (const event of store.watch({ prefix: "/", from: this.#seen + 1, signal })) {
          backoffMs = LIMITS.jobs.minBackoffMs;
          if (event.type !== "progress") this.#take(event);
          if (event.type === "progress" || event.more !== true) this.#advance(event.revision);
        }
        if (!signal.aborted) throw new SkerryError("unavailable/closed", "The watch has ended.");
      } catch (error) {
        if (signal.aborted) return;
        if (!isError(error, "conflict/compacted")) {
          log.warn({ error, backoffMs }, "gateway: the watch of the store broke");
          await clock.sleep(backoffMs, signal).catch(() => undefined);
          backoffMs = Math.min(2 * backoffMs, LIMITS.auth.maxStaleViewMs);
        }
        await this.#listAll().catch((cause: unknown) => {
          log.warn({ error: cause }, "gateway: the store cannot be listed");
        });
      }
    }
  }

  #advance(revision: number): void {
    this.#flush();
    this.#seen = Math.max(this.#seen, revision);
    for (const check of this.#waiters) check();
  }

  /** Replaces everything by what is there now. */
  async #listAll(): Promise<void> {
    const { revision } = await this.#options.store.list({ prefix: "/", limit: 1 });
    for (const kind of KINDS) await this.#list(kind, revision);
    this.#advance(revision);
  }

  async #list(kind: FollowedKind, revision: number): Promise<void> {
    const entries: Entry[] = [];
    let after: string | undefined;
    do {
      const from = after === undefined ? {} : { after };
      const page = await this.#options.store.list({ prefix: `/${kind}/`, revision, ...from });
      entries.push(...page.entries);
      after = page.next;
    } while (after !== undefined);
    if (kind === "route") {
      const gone = new Map([...this.#routes].map(([key, route]) => [key, route.meta.uid]));
      this.#routes = new Map(entries.map((entry) => [entry.key, entry.value as unknown as Route]));
      const kept = new Set([...this.#routes.values()].map(({ meta }) => meta.uid));
      this.#apply(
        [...this.#routes.values()],
        [...gone.values()].filter((uid) => !kept.has(uid)),
      );
    } else if (kind === "certificate") {
      const { certificates } = this.#options;
      const kept = new Set(entries.map(({ key }) => key));
      const gone = certificates.keys.filter((key) => !kept.has(key));
      const dropped = gone.flatMap((key) => certificates.drop(key));
      const put = entries.flatMap(({ key, value }) => certificates.put(key, value as unknown as StoredCertificate));
      this.#tell({ forget: [...dropped, ...put] });
      this.#apply(this.#routesWhere((route) => certificatesShownBy(route, this.upstreams).length > 0));
    } else if (kind === "upstream") {
      this.upstreams.replace(entries);
      this.#apply(this.#routesWhere(({ spec }) => upstreamsIn(spec).length > 0));
    } else if (kind === "iplist") {
      const kept = new Set(entries.map(({ key }) => key));
      for (const key of this.#ipLists.keys.filter((known) => !kept.has(known))) this.#takeList(key, undefined);
      for (const { key, value } of entries) this.#takeList(key, value);
    } else {
      this.#buckets.clear();
      for (const entry of entries) this.#buckets.put(entry);
      this.#recompile();
    }
  }

  #take(event: Exclude<WatchEvent, { type: "progress" }>): void {
    const key = event.type === "put" ? event.entry.key : event.key;
    const kind = key.slice(1, key.indexOf("/", 1));
    if (kind === "certificate") {
      const { certificates } = this.#options;
      const isThere = event.type === "put";
      const value = isThere ? (event.entry.value as unknown as StoredCertificate) : undefined;
      this.#tell({ forget: value === undefined ? certificates.drop(key) : certificates.put(key, value) });
      this.#apply(this.#routesWhere((route) => certificatesShownBy(route, this.upstreams).includes(key)));
      return;
    }
    if (kind === "upstream") {
      if (event.type === "put") this.upstreams.put(key, event.entry.value);
      else this.upstreams.drop(key);
      this.#apply(this.#routesWhere((route) => upstreamKeysOf(route).includes(key)));
      return;
    }
    if (kind === "iplist") {
      this.#takeList(key, event.type === "put" ? event.entry.value : undefined);
      return;
    }
    if (kind === "bucket") {
      const before = this.#buckets.drop(key);
      const name = event.type === "put" ? this.#buckets.put(event.entry) : (before ?? "");
      this.#apply(this.#routesWhere(({ spec }) => destinationsOf(spec).includes(`bucket/${name}`)));
      return;
    }
    if (kind !== "route") return;
    const before = this.#routes.get(key);
    if (event.type === "delete") {
      this.#routes.delete(key);
      this.#apply([], before === undefined ? [] : [before.meta.uid]);
      return;
    }
    const route = event.entry.value as unknown as Route;
    this.#routes.set(key, route);
    this.#apply([route], before === undefined || before.meta.uid === route.meta.uid ? [] : [before.meta.uid]);
  }

  /** A list comes before the routes that name it, and goes after them. */
  #takeList(key: string, value: unknown): void {
    const uses = ({ meta, spec }: Route) =>
      listsIn(spec.access).some((name) => resourceKey("iplist", meta.project, name) === key);
    try {
      this.#tell(value === undefined ? this.#ipLists.drop(key) : this.#ipLists.put(key, value as IpList));
      this.#apply(this.#routesWhere(uses));
    } catch (error) {
      this.#options.log.error({ error, list: key }, "gateway: a list of networks cannot be read");
    }
  }

  #routesWhere(holds: (route: Route) => boolean): Route[] {
    return [...this.#routes.values()].filter(holds);
  }

  #recompile(): void {
    this.#apply([...this.#routes.values()]);
  }

  /** Tells what is different from before. What cannot be read leads nowhere. */
  #apply(routes: readonly Route[], remove: readonly string[] = []): void {
    const put: TableEntry[] = [];
    const putL4: L4Entry[] = [];
    const owners = new Map<string, string | undefined>();
    for (const host of [
      ...remove.flatMap((uid) => this.#entries.get(uid)?.host ?? []),
      ...routes.flatMap(({ spec }) => (spec.listen === undefined ? [spec.host] : [])),
    ]) {
      owners.set(host, this.#hosts.projectAt(host));
    }
    for (const uid of remove) {
      this.#l4.delete(uid);
      this.#hosts.leave(this.#entries.get(uid));
      this.#entries.delete(uid);
      this.#clientTls.delete(uid);
    }
    for (const route of routes) {
      try {
        if (route.spec.listen !== undefined) {
          const entry = compileListener(route, this.#lookups);
          if (JSON.stringify(this.#l4.get(entry.id)) === JSON.stringify(entry)) continue;
          this.#l4.set(entry.id, entry);
          putL4.push(entry);
          continue;
        }
        const entry = compileRoute(route, this.#lookups);
        const before = this.#entries.get(entry.id);
        if (JSON.stringify(before) === JSON.stringify(entry)) continue;
        this.#hosts.leave(before);
        this.#hosts.enter(entry);
        this.#entries.set(entry.id, entry);
        this.#clientTls.put(entry.id, entry.host, route.spec.clientTls);
        put.push(entry);
      } catch (error) {
        this.#options.log.error({ error, route: route.meta.uid }, "gateway: a route cannot be read");
      }
    }
    // A host that is another project's from now on must not be shown as the one before.
    const lost = [...owners].filter(([host, owner]) => owner !== undefined && owner !== this.#hosts.projectAt(host));
    const forget = lost.map(([host]) => host);
    this.#tell({ put, putL4, remove, forget });
  }

  #tell(change: Partial<TableChange>): void {
    this.#untold.push(change);
  }

  #flush(): void {
    const change = this.#untold.length === 0 ? undefined : mergeChanges(this.#untold);
    this.#untold = [];
    if (change !== undefined) this.#options.onChange(change);
  }
}
