/** The gateway's data path: takes sockets of clients, and passes their requests to upstreams by a table of routes. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { compileTable, type RouteTable } from "../routing/route-table.ts";
import { ClientConnection } from "./client.ts";
import type { Context, ProxyOptions } from "./context.ts";
import { Deadlines } from "./deadlines.ts";
import { Names } from "./names.ts";
import { UpstreamPools } from "./pool.ts";
import { emptyStats, type ProxyStats } from "./records.ts";

export interface DataPath {
  /**
   * Takes over a connection that nobody has read from, after the handshake when it is TLS. A plain socket that is given
   * is empty afterwards (see adopt.ts): do not keep it. Its server goes on to count the connection, and should set
   * `noDelay`.
   */
  accept(socket: Socket | TLSSocket, tls: boolean): void;
  /** Holds for requests that come from now on. */
  setTable(table: RouteTable): void;
  /** A copy. */
  stats(): ProxyStats;
  /**
   * Ends idle connections at once, others with the answer that they wait for. Resolves when no client is left; when
   * `signal` aborts, those that are left are cut. Sockets that are accepted later are closed.
   */
  drain(signal: AbortSignal): Promise<void>;
}

export function createProxy(options: ProxyOptions): DataPath {
  return new SocketPath(options);
}

class SocketPath implements DataPath {
  readonly #context: Context;
  readonly #pools: UpstreamPools;
  readonly #clients = new Set<ClientConnection>();
  readonly #sweeper: NodeJS.Timeout;
  #onEmpty: (() => void) | undefined;

  constructor(options: ProxyOptions) {
    const { limits, monotonicMs, resolve } = options;
    const deadlines = new Deadlines();
    this.#context = {
      options,
      limits: options.limits,
      stats: emptyStats(),
      ...{ deadlines, names: new Names({ limits, deadlines, nowMs: monotonicMs, ...(resolve && { resolve }) }) },
      table: compileTable([]),
      isDraining: false,
      coarseMs: options.monotonicMs(),
      clientBuffer: Buffer.allocUnsafeSlow(options.limits.clientBufferBytes),
      nextRequestId: requestIds(options),
    };
    this.#pools = new UpstreamPools(this.#context);
    this.#sweeper = setInterval(() => this.#sweep(), options.limits.sweepEveryMs);
    this.#sweeper.unref();
  }

  accept(socket: Socket | TLSSocket, tls: boolean): void {
    const { stats, limits, isDraining } = this.#context;
    stats.connectionsTotal++;
    // It went away before: nobody would hear its end.
    if (socket.destroyed) return;
    if (isDraining || this.#clients.size >= limits.maxConnections) {
      stats.connectionsRefused++;
      socket.destroy();
      return;
    }
    stats.connections++;
    this.#clients.add(new ClientConnection(this.#context, this.#pools, socket, tls, (client) => this.#onGone(client)));
  }

  setTable(table: RouteTable): void {
    this.#context.table = table;
  }

  stats(): ProxyStats {
    const { stats } = this.#context;
    return { ...stats, byClass: [...stats.byClass], latency: [...stats.latency] };
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
    for (const client of this.#clients) if (client.isIdle) client.wire.destroy();
    if (signal.aborted) cut();
    if (this.#clients.size > 0) await empty;
    signal.removeEventListener("abort", cut);
    clearInterval(this.#sweeper);
    this.#pools.close();
  }

  #onGone(client: ClientConnection): void {
    if (!this.#clients.delete(client)) return;
    this.#context.stats.connections--;
    if (this.#clients.size === 0) this.#onEmpty?.();
  }

  #sweep(): void {
    const nowMs = this.#context.options.monotonicMs();
    this.#context.coarseMs = nowMs;
    for (const client of this.#clients) if (nowMs > client.deadlineMs) client.onDeadline();
    this.#context.deadlines.sweep(nowMs);
    this.#pools.sweep(nowMs);
  }
}

/** Ids that are unique among workers and starts; not secrets. */
function requestIds({ random }: ProxyOptions): () => string {
  const prefix = Buffer.from(random.bytes(9)).toString("base64url");
  let count = 0;
  return () => `${prefix}.${(++count).toString(36)}`;
}
