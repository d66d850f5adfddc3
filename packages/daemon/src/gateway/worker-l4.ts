/** Routes below HTTP in a worker: the ports that they name, and the data path behind them. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { FromWorker } from "@skerry/core/gateway/control.ts";
import type { NetworkLists } from "@skerry/core/gateway/guard/network-lists.ts";
import type { L4Counters, L4Entry } from "@skerry/core/gateway/l4/entry.ts";
import { L4Path } from "@skerry/core/gateway/l4/path.ts";
import { interceptAccepts } from "@skerry/core/gateway/l4/tcp-handle.ts";

export interface WorkerL4Options {
  /** The address of all ports. */
  readonly host: string;
  readonly isOwnAddress: (ip: string) => boolean;
  readonly onSweep: () => void;
  /** As `L4Options`. */
  readonly onHttp: (socket: Socket) => void;
  readonly onTls: (socket: Socket) => void;
  readonly servedAs: (name: string) => string | undefined;
  readonly httpsPort: number;
  readonly isAnnouncer: ((ip: string) => boolean) | undefined;
  readonly lists?: NetworkLists;
  readonly tell: (message: FromWorker) => void;
}

export class WorkerL4 {
  readonly #options: WorkerL4Options;
  readonly #path: L4Path;
  /** By port, `tcp/5432`. */
  readonly #servers = new Map<string, { close(): void }>();
  /** Never rejects: a port that fails is told, and keeps no other. */
  #settling: Promise<void> = Promise.resolve();
  /** As last told, by route. */
  readonly #told = new Map<string, string>();

  constructor(options: WorkerL4Options) {
    this.#options = options;
    const limits = { limits: LIMITS.l4, nameLimits: LIMITS.proxy };
    this.#path = new L4Path({ ...options, ...limits, monotonicMs: () => performance.now() });
  }

  apply(put: readonly L4Entry[], removedIds: readonly string[]): void {
    this.#path.apply(put, removedIds);
  }

  /** A connection on the gateway's HTTPS port. */
  acceptSecure(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    this.#path.acceptSecure(socket);
  }

  /** The same on its HTTP port. */
  acceptPlain(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    this.#path.acceptPlain(socket);
  }

  /** These and no others. Resolves when each listens, or has been told why it does not. */
  listenOn(ports: readonly string[]): Promise<void> {
    this.#settling = this.#settling.then(async () => {
      for (const [port, server] of this.#servers) {
        if (ports.includes(port)) continue;
        this.#servers.delete(port);
        close(server);
      }
      const missing = ports.filter((port) => !this.#servers.has(port));
      await Promise.all(missing.map((port) => this.#open(port).catch((error) => this.#failed(port, error))));
    });
    return this.#settling;
  }

  settled(): Promise<void> {
    return this.#settling;
  }

  /** Tells what has changed since the last time. */
  report(): void {
    const changed: Record<string, L4Counters> = {};
    const all = this.#path.counters();
    for (const [id, counters] of all) {
      const text = JSON.stringify(counters);
      if (this.#told.get(id) === text) continue;
      this.#told.set(id, text);
      changed[id] = counters;
    }
    for (const id of this.#told.keys()) if (!all.has(id)) this.#told.delete(id);
    if (Object.keys(changed).length > 0) this.#options.tell({ type: "l4", counters: changed });
  }

  async drain(signal: AbortSignal): Promise<void> {
    for (const server of this.#servers.values()) close(server);
    await this.#path.drain(signal);
  }

  /** Each worker binds it itself: the kernel spreads connections, and datagrams by who sends them. */
  async #open(named: string): Promise<void> {
    const [protocol, port] = named.split("/");
    await (protocol === "udp" ? this.#openUdp(named, Number(port)) : this.#openTcp(named, Number(port)));
  }

  #openUdp(named: string, port: number): Promise<void> {
    const { host } = this.#options;
    const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4", reusePort: true });
    socket.on("message", (bytes, from) => this.#path.takeDatagram(socket, port, from, bytes));
    this.#servers.set(named, socket);
    return new Promise((resolve) => {
      socket.once("listening", () => resolve());
      socket.on("error", (error: NodeJS.ErrnoException) => {
        // One that has listened goes on.
        if (this.#servers.get(named) !== socket || isBound(socket)) return;
        close(socket);
        this.#failed(named, error);
        resolve();
      });
      socket.bind({ address: host, port });
    });
  }

  #failed(named: string, { code }: NodeJS.ErrnoException): void {
    this.#servers.delete(named);
    this.#options.tell({ type: "port", port: named, code: code ?? "unknown" });
  }

  #openTcp(named: string, port: number): Promise<void> {
    const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      this.#path.accept(socket, port);
    });
    // Of those that went on to our own HTTP and TLS, or are still looked at; the data path counts its own.
    server.maxConnections = LIMITS.l4.maxConnections;
    this.#servers.set(named, server);
    return new Promise((resolve) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        this.#failed(named, error);
        resolve();
      });
      const { host } = this.#options;
      server.listen({ host, port, reusePort: true, backlog: LIMITS.gateway.backlog }, () => {
        interceptAccepts(server, (handle) => this.#path.acceptHandle(handle, port));
        resolve();
      });
    });
  }
}

/** Also one that was never opened, or is closed already. */
function close(server: { close(): void }): void {
  try {
    server.close();
  } catch {
    // Then there is nothing to close.
  }
}

function isBound(socket: UdpSocket): boolean {
  try {
    return socket.address().port > 0;
  } catch {
    return false;
  }
}
