/** The data path of routes below HTTP in a worker: takes sockets, and passes their bytes to backends. */
import type { Socket } from "node:net";
import { refusesAddress } from "../guard/access.ts";
import { NetworkLists } from "../guard/network-lists.ts";
import { Deadlines } from "../proxy/deadlines.ts";
import { type NameLimits, Names, type Resolve } from "../proxy/names.ts";
import { Sweeper } from "../proxy/sweeper.ts";
import { Announced, type AnnouncedLimits } from "./announced.ts";
import { type BufferLimits, RelayBuffers } from "./buffers.ts";
import type { DialWorld } from "./dial.ts";
import { emptyCounters, type L4Counters, type L4Entry } from "./entry.ts";
import { type Accepted, Relay, type RelayLimits, type RelayWorld } from "./relay.ts";
import type { Early } from "./side.ts";
import { type Sniffed, Sniffer, type SniffLimits } from "./sniff.ts";
import { L4Table, type PortRoutes } from "./table.ts";
import type { Address, TcpHandle } from "./tcp-handle.ts";
import { type UdpLimits, type UdpListener, type UdpPeer, UdpSessions } from "./udp.ts";

export interface L4Limits extends BufferLimits, RelayLimits, SniffLimits, UdpLimits, AnnouncedLimits {
  readonly maxConnections: number;
  readonly maxRouteConnections: number;
  readonly maxAddresses: number;
  readonly drainMs: number;
  readonly sweepEveryMs: number;
}

export interface L4Options {
  readonly monotonicMs: () => number;
  readonly limits: L4Limits;
  readonly nameLimits: NameLimits;
  /** As in `ProxyOptions`. */
  readonly isOwnAddress: (ip: string) => boolean;
  /** Now and then while something happens, and once after it. */
  readonly onSweep: () => void;
  /** The gateway's own HTTP and TLS take a connection, with what was read of it put back. */
  readonly onHttp: (socket: Socket) => void;
  readonly onTls: (socket: Socket) => void;
  /** The host of the HTTP routes that serve a name. */
  readonly servedAs: (name: string) => string | undefined;
  /** The gateway's own, as it is set. */
  readonly httpsPort: number;
  /** Whose connections begin with the PROXY protocol; undefined: nobody's. */
  readonly isAnnouncer?: ((ip: string) => boolean) | undefined;
  /** That routes name. Absent: none. */
  readonly lists?: NetworkLists;
  /** Tests: another than the system's. */
  readonly resolve?: Resolve;
}

interface RouteState {
  readonly counters: L4Counters;
  /** Which backend is next. */
  turn: number;
}

export class L4Path implements RelayWorld {
  readonly limits: L4Limits;
  readonly buffers: RelayBuffers;
  readonly dial: DialWorld;
  readonly #options: L4Options;
  readonly #lists: NetworkLists;
  readonly #table = new L4Table();
  readonly #relays = new Set<Relay>();
  /** Those of which it is not yet known where they go. */
  readonly #waiting = new Set<{ cut(): void }>();
  readonly #sessions = new UdpSessions(this);
  readonly #states = new Map<string, RouteState>();
  readonly #deadlines = new Deadlines();
  readonly #sweeper: Sweeper;
  #isDraining = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: L4Options) {
    const { limits, nameLimits, monotonicMs, resolve, isOwnAddress } = options;
    this.#options = options;
    this.#lists = options.lists ?? new NetworkLists();
    this.limits = limits;
    this.buffers = new RelayBuffers(limits);
    this.#sweeper = new Sweeper({ monotonicMs, everyMs: limits.sweepEveryMs, sweep: (nowMs) => this.#sweep(nowMs) });
    const nowMs = () => this.coarseMs;
    const names = new Names({ limits: nameLimits, deadlines: this.#deadlines, nowMs, ...(resolve && { resolve }) });
    this.dial = { names, isOwnAddress, maxAddresses: limits.maxAddresses };
  }

  get coarseMs(): number {
    return this.#sweeper.nowMs;
  }

  later(inMs: number, run: () => void): () => void {
    const deadline = this.#deadlines.add(this.coarseMs + inMs, run);
    return () => this.#deadlines.delete(deadline);
  }

  /** Connections of routes that are gone end within `drainMs`; those of changed ones stay where they are. */
  apply(put: readonly L4Entry[], removedIds: readonly string[]): void {
    this.#table.apply(put, removedIds);
    const gone = new Set(removedIds.filter((id) => this.#table.get(id) === undefined));
    for (const relay of this.#relays) if (gone.has(relay.entry.id)) relay.endWithin(this.limits.drainMs);
    this.#sessions.endWithin(gone, this.limits.drainMs);
    this.#forget();
  }

  /** A connection on a port of routes, before a socket was made of it. False: it needs one, and is not taken. */
  acceptHandle(handle: TcpHandle, port: number): boolean {
    const { tcp, ssh, tls } = this.#table.tcp(port);
    const mustLook = ssh !== undefined || tls.size > 0 || this.#options.isAnnouncer !== undefined;
    if (tcp === undefined || mustLook || this.#isDraining) return false;
    this.#relay(tcp, handle);
    return true;
  }

  /** A connection on a port of routes. A plain socket that is given is empty afterwards. */
  accept(socket: Socket, port: number): void {
    this.#enter(socket, () => this.#acceptAt(socket, port));
  }

  /** The same on the gateway's HTTPS port. */
  acceptSecure(socket: Socket): void {
    this.#enter(socket, () => this.#acceptSecure(socket));
  }

  /** The same on the gateway's HTTP port. */
  acceptPlain(socket: Socket): void {
    this.#enter(socket, () => this.#options.onHttp(socket));
  }

  /** When it is known whose connection it is. */
  #enter(socket: Socket, go: () => void): void {
    const { isAnnouncer } = this.#options;
    if (isAnnouncer === undefined || !isAnnouncer(socket.remoteAddress ?? "")) {
      go();
      return;
    }
    this.#wait(socket, (done) => {
      return new Announced(this, socket, (isAnnounced) => {
        done();
        if (isAnnounced) go();
      });
    });
  }

  #wait(socket: Socket, begin: (done: () => void) => { cut(): void }): void {
    if (this.#isFull || this.#isDraining) {
      socket.resetAndDestroy();
      return;
    }
    const waiting = begin(() => {
      this.#waiting.delete(waiting);
      this.#checkEmpty();
    });
    this.#waiting.add(waiting);
  }

  #acceptAt(socket: Socket, port: number): void {
    const routes = this.#table.tcp(port);
    if (this.#isDraining) socket.resetAndDestroy();
    else if (routes.ssh !== undefined || routes.tls.size > 0) this.#sniff(socket, routes);
    else if (routes.tcp === undefined) socket.resetAndDestroy();
    else this.#relay(routes.tcp, socket);
  }

  /** A datagram on a port of routes. `bytes` are its own. */
  takeDatagram(listener: UdpListener, port: number, from: UdpPeer, bytes: Buffer): void {
    const entry = this.#table.udp(port);
    if (entry === undefined || this.#isDraining || this.#turnsAway(entry, from.address)) return;
    this.#sessions.take(entry, this.#state(entry.id).counters, listener, from, bytes);
  }

  #acceptSecure(socket: Socket): void {
    const { tls } = this.#table.tcp(0);
    const { httpsPort, onTls } = this.#options;
    const { ssh } = this.#table.tcp(httpsPort);
    // Plain HTTP there is answered as TLS answers it.
    if (tls.size === 0 && ssh === undefined) onTls(socket);
    else if (this.#isDraining) socket.resetAndDestroy();
    else this.#sniff(socket, { tcp: undefined, ssh, tls });
  }

  #sniff(socket: Socket, routes: PortRoutes): void {
    this.#wait(socket, (done) => {
      return new Sniffer(this, socket, (sniffed) => {
        if (sniffed !== undefined) this.#decide(socket, routes, sniffed);
        done();
      });
    });
  }

  #decide(socket: Socket, routes: PortRoutes, { spoken, early, hasEnded }: Sniffed): void {
    const { onHttp, onTls, servedAs } = this.#options;
    const relay = (entry: L4Entry | undefined): void => {
      if (entry === undefined) socket.resetAndDestroy();
      else this.#relay(entry, socket, { bytes: early, hasEnded });
    };
    const handOver = (take: (socket: Socket) => void): void => {
      socket.unshift(early);
      take(socket);
    };
    if (spoken === "http") handOver(onHttp);
    // Some SSH clients wait for the server's banner.
    else if (spoken === "silence") relay(routes.tcp ?? routes.ssh);
    else if (spoken === "ssh") relay(routes.ssh ?? routes.tcp);
    else if (spoken === "other") relay(routes.tcp);
    else {
      const { serverName: name } = spoken;
      const entry = name === undefined ? undefined : L4Table.tlsRoute(routes, name, servedAs(name));
      if (entry === undefined) handOver(onTls);
      else relay(entry);
    }
  }

  get #isFull(): boolean {
    return this.#relays.size + this.#waiting.size >= this.limits.maxConnections;
  }

  /** Whether the route does not take this address; it is counted. */
  #turnsAway({ id, access }: L4Entry, ip: string): boolean {
    if (access === undefined || !refusesAddress(access, ip, this.#lists)) return false;
    this.#state(id).counters.refused++;
    void this.coarseMs; // who counts hears of it
    return true;
  }

  /** Passes it on to a backend of the route. `early`: what was read of it already. */
  #relay(entry: L4Entry, client: Accepted, early?: Early): void {
    const state = this.#state(entry.id);
    const { counters } = state;
    const backend = entry.backends[state.turn++ % Math.max(1, entry.backends.length)];
    const isFull = this.#isFull || counters.open >= this.limits.maxRouteConnections;
    const isSocket = "destroyed" in client;
    if (entry.access !== undefined && this.#turnsAway(entry, addressOf(client))) {
      if (isSocket) client.resetAndDestroy();
      else client.reset();
      return;
    }
    if (isFull || backend === undefined) {
      counters[isFull ? "refused" : "failed"]++;
      void this.coarseMs; // who counts hears of it
      if (isSocket) client.resetAndDestroy();
      else client.reset();
      return;
    }
    if (isSocket && client.destroyed) return;
    const relay = new Relay(this, entry, counters, client, isSocket ? putBack(client, early) : early);
    this.#relays.add(relay);
    relay.connectTo(backend);
  }

  onGone(relay: Relay): void {
    this.#relays.delete(relay);
    void this.coarseMs;
    this.#checkEmpty();
  }

  #checkEmpty(): void {
    if (this.#relays.size + this.#waiting.size === 0) this.#onEmpty?.();
  }

  /** By route, since the start. */
  counters(): ReadonlyMap<string, L4Counters> {
    return new Map([...this.#states].map(([id, { counters }]) => [id, { ...counters }]));
  }

  /** Takes no more. Resolves when no connection is left; those that are when `signal` aborts are reset. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#isDraining = true;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const cut = (): void => {
      for (const relay of this.#relays) relay.onBroken();
      for (const waiting of this.#waiting) waiting.cut();
    };
    signal.addEventListener("abort", cut, { once: true });
    if (signal.aborted) cut();
    if (this.#relays.size + this.#waiting.size > 0) await empty;
    signal.removeEventListener("abort", cut);
    this.#sessions.close();
    this.#sweeper.stop();
  }

  #state(id: string): RouteState {
    let state = this.#states.get(id);
    if (state === undefined) {
      state = { counters: emptyCounters(), turn: 0 };
      this.#states.set(id, state);
    }
    return state;
  }

  #forget(): void {
    for (const [id, { counters }] of this.#states) {
      if (counters.open === 0 && this.#table.get(id) === undefined) this.#states.delete(id);
    }
  }

  #sweep(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const relay of this.#relays) {
      if (nowMs > relay.deadlineMs) relay.onDeadline();
      nextMs = Math.min(nextMs, relay.deadlineMs);
    }
    nextMs = Math.min(nextMs, this.#deadlines.sweep(nowMs), this.#sessions.sweep(nowMs));
    this.#options.onSweep();
    return nextMs;
  }
}

/** With what still lies in the socket. */
function putBack(socket: Socket, early: Early | undefined): Early | undefined {
  const left = socket.read() as Buffer | null;
  if (left === null) return early;
  if (early === undefined) return { bytes: left, hasEnded: false };
  return { bytes: Buffer.concat([early.bytes, left]), hasEnded: early.hasEnded };
}

/** Empty: it is gone. */
function addressOf(client: Accepted): string {
  if ("destroyed" in client) return client.remoteAddress ?? "";
  const peer: Partial<Address> = {};
  client.getpeername(peer);
  return peer.address ?? "";
}
