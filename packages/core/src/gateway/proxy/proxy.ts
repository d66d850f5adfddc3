/** The gateway's data path: takes sockets of clients, and passes their requests to upstreams by a table of routes. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { LIMITS } from "../../domain/limits.ts";
import type { SharedCache } from "../actions/cache/shared.ts";
import { ActionState } from "../actions/state.ts";
import { Admission } from "../guard/admission.ts";
import { Flusher } from "../http2/flusher.ts";
import { compileTable, type RouteTable } from "../routing/route-table.ts";
import { Splits } from "../split/splitter.ts";
import type { Peer, Shown } from "../tls/peer.ts";
import type { BackendConditions } from "../upstreams/conditions.ts";
import type { RoutesChange } from "../upstreams/registry.ts";
import type { UpstreamCounters } from "../upstreams/state.ts";
import type { Context, ProxyOptions } from "./context.ts";
import { Deadlines } from "./deadlines.ts";
import { Guards } from "./guarded.ts";
import { ClientConnection } from "./h1-client.ts";
import { H2Client } from "./h2-client.ts";
import { Names } from "./names.ts";
import { peerOf } from "./peer.ts";
import { emptyStats, type ProxyStats } from "./records.ts";
import { RouteRepeating } from "./repeating.ts";
import { RouteCounts, type RouteNews } from "./route-counts.ts";
import type { ProxyClient } from "./sides.ts";
import { Sweeper } from "./sweeper.ts";
import { RouteTimes } from "./times.ts";
import { UpstreamPools } from "./upstream-pools.ts";
import { Wire, type WireOwner } from "./wire.ts";

export interface DataPath {
  /**
   * Takes over a connection that nobody has read from, after the handshake when it is TLS. A plain socket that is given
   * is empty afterwards (see adopt.ts): do not keep it. Its server goes on to count the connection, and should set
   * `noDelay`. `shown`: what the handshake got, where it asked for a certificate.
   */
  accept(socket: Socket | TLSSocket, tls: boolean, shown?: Shown): void;
  /** Holds for requests that come from now on. `change`: what differs from the table before; at first, all of it. */
  setTable(table: RouteTable, change: RoutesChange): void;
  /** Answers that are kept. */
  readonly cache: Pick<SharedCache, "purge">;
  /** What was spent of rates since the last time, and what other workers have spent. */
  takeSpent(): ReturnType<Guards["takeSpent"]>;
  applySpent(spent: readonly number[]): void;
  /** A copy. */
  stats(): ProxyStats;
  /** What came to the counts of routes since the last call, of so many routes at most; by uid. */
  routeNews(most: number): Record<string, RouteNews>;
  /** What is known of backends: what changed since the last call, of so many upstreams at most. */
  upstreamNews(most: number): UpstreamCounters;
  /** Backends that are not quite ready. */
  conditions(): BackendConditions;
  /**
   * Ends idle connections at once, others with the answer that they wait for. Resolves when no client is left; when
   * `signal` aborts, those that are left are cut. Sockets that are accepted later are closed.
   */
  drain(signal: AbortSignal): Promise<void>;
}

const DATE_HOLDS_MS = 500;
/** Two digits of base 36: a number made into text costs more than the rest of an id. */
const ID_ENDS = Array.from({ length: 36 * 36 }, (_, i) => i.toString(36).padStart(2, "0"));
/** So many connections are looked at for one that is idle: there may be thousands, and as many that come. */
const MAX_LOOKED_AT = 256;

export function createProxy(options: ProxyOptions): DataPath {
  return new SocketPath(options);
}

class SocketPath implements DataPath {
  readonly #context: Context;
  readonly #pools: UpstreamPools;
  readonly #clients = new Set<ProxyClient>();
  readonly #onGone = (client: ProxyClient): void => this.#remove(client);
  readonly #sweeper: Sweeper;
  #onEmpty: (() => void) | undefined;

  constructor(options: ProxyOptions) {
    const { limits, monotonicMs, resolve } = options;
    const deadlines = new Deadlines();
    const readBuffer = Buffer.allocUnsafeSlow(limits.readBufferBytes);
    const sweeper = new Sweeper({ monotonicMs, everyMs: limits.sweepEveryMs, sweep: (nowMs) => this.#sweep(nowMs) });
    const names = new Names({ limits, deadlines, nowMs: () => sweeper.nowMs, ...(resolve && { resolve }) });
    this.#context = {
      options,
      admission: new Admission({ limits, monotonicMs, afterTurn: setImmediate }),
      guards: new Guards({ random: options.random, ...options.guards }),
      limits: options.limits,
      stats: emptyStats(),
      counts: new RouteCounts(),
      times: new RouteTimes(options.limits),
      repeating: new RouteRepeating(monotonicMs),
      splits: new Splits(() => options.random.fraction()),
      kept: { bytes: 0 },
      acts: new ActionState(options.actionLimits, options.commonCache),
      ...{ deadlines, names, flusher: new Flusher(), http2: options.http2 ?? LIMITS.http2 },
      table: compileTable([]),
      isDraining: false,
      get coarseMs() {
        return sweeper.nowMs;
      },
      ...{ readBuffer, smallReadBuffer: readBuffer.subarray(0, limits.slowReadBytes) },
      nextRequestId: requestIds(options),
      dateLine: dateLines(options.wallMs, () => sweeper.nowMs),
    };
    this.#pools = new UpstreamPools(this.#context);
    this.#sweeper = sweeper;
  }

  accept(socket: Socket | TLSSocket, tls: boolean, shown?: Shown): void {
    const { stats, limits, isDraining } = this.#context;
    stats.connectionsTotal++;
    // It went away before: nobody would hear its end.
    if (socket.destroyed) return;
    if (isDraining || (this.#clients.size >= limits.maxConnections && !this.#makeRoom())) {
      stats.connectionsRefused++;
      socket.destroy();
      return;
    }
    stats.connections++;
    this.#clients.add(this.#client(socket, peerOf(socket, tls, shown)));
  }

  #client(socket: Socket | TLSSocket, peer: Peer): ProxyClient {
    if (peer.protocol === "HTTP/2") {
      const take = (owner: WireOwner): Wire => new Wire(owner, () => this.#context.readBuffer, socket);
      return new H2Client(this.#context, this.#pools, take, peer, this.#onGone);
    }
    return new ClientConnection(this.#context, this.#pools, socket, peer, this.#onGone, (first) => {
      const take = (owner: WireOwner): Wire => {
        first.wire.owner = owner;
        return first.wire;
      };
      const client = new H2Client(this.#context, this.#pools, take, { ...peer, protocol: "HTTP/2" }, this.#onGone);
      this.#clients.delete(first);
      this.#clients.add(client);
      return client.connection;
    });
  }

  /** Closes one of the oldest connections on which nothing is under way: who waits for a request gives way to who has one. */
  #makeRoom(): boolean {
    let looked = 0;
    for (const client of this.#clients) {
      if (client.isIdle) {
        client.wire.destroy();
        this.#remove(client);
        return true;
      }
      if (++looked === MAX_LOOKED_AT) return false;
    }
    return false;
  }

  setTable(table: RouteTable, change: RoutesChange): void {
    this.#pools.apply(change);
    this.#context.counts.forget(change);
    this.#context.table = table;
  }

  get cache(): SharedCache {
    return this.#context.acts.cache;
  }

  takeSpent(): ReturnType<Guards["takeSpent"]> {
    return this.#context.guards.takeSpent();
  }

  applySpent(spent: readonly number[]): void {
    this.#context.guards.applySpent(spent, this.#context.options.monotonicMs());
  }

  stats(): ProxyStats {
    const { stats, acts, admission } = this.#context;
    const { compressedIn, compressedOut, cacheResults } = acts;
    const { bytes: cacheBytes, count: cacheEntries, evictions: cacheEvictions } = acts.cache.kept;
    const acted = { compressedIn, compressedOut, cacheResults, cacheBytes, cacheEntries, cacheEvictions };
    const { failures: cacheFailures } = acts.cache.common;
    return structuredClone({ ...stats, ...acted, cacheFailures, pressure: admission.pressure });
  }

  routeNews(most: number): Record<string, RouteNews> {
    return this.#context.counts.news(most);
  }

  upstreamNews(most: number): UpstreamCounters {
    return this.#pools.registry.news(this.#context.options.monotonicMs(), most);
  }

  conditions(): BackendConditions {
    return this.#pools.conditions();
  }

  async drain(signal: AbortSignal): Promise<void> {
    const context = this.#context;
    context.isDraining = true;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const cut = (): void => {
      for (const client of this.#clients) client.wire.reset();
    };
    signal.addEventListener("abort", cut, { once: true });
    for (const client of this.#clients) client.leave();
    if (signal.aborted) cut();
    if (this.#clients.size > 0) await empty;
    signal.removeEventListener("abort", cut);
    this.#sweeper.stop();
    this.#pools.close();
  }

  #remove(client: ProxyClient): void {
    if (!this.#clients.delete(client)) return;
    this.#context.stats.connections--;
    // Who counts hears of it.
    void this.#context.coarseMs;
    if (this.#clients.size === 0) this.#onEmpty?.();
  }

  /** Gives when to look again. */
  #sweep(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const client of this.#clients) {
      if (nowMs > client.deadlineMs) client.onDeadline();
      nextMs = Math.min(nextMs, client.deadlineMs);
    }
    const { deadlines, options } = this.#context;
    nextMs = Math.min(nextMs, deadlines.sweep(nowMs), this.#pools.sweep(nowMs));
    options.onSweep?.();
    return nextMs;
  }
}

/** Made anew when half a second has passed. */
function dateLines(wallMs: () => number, nowMs: () => number): () => string {
  let line = "";
  let madeMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (nowMs() - madeMs >= DATE_HOLDS_MS) {
      madeMs = nowMs();
      line = `Date: ${new Date(wallMs()).toUTCString()}\r\n`;
    }
    return line;
  };
}

/** Ids that are unique among workers and starts; not secrets. */
function requestIds({ random }: ProxyOptions): () => string {
  const prefix = Buffer.from(random.bytes(9)).toString("base64url");
  let block = -1;
  let blockPrefix = "";
  let at = ID_ENDS.length;
  return () => {
    if (at === ID_ENDS.length) {
      at = 0;
      blockPrefix = `${prefix}.${(++block).toString(36)}`;
    }
    return blockPrefix + ID_ENDS[at++];
  };
}
