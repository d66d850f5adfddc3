/** The data path of routes below HTTP in a worker: takes sockets, and passes their bytes to backends. */
import type { Socket } from "node:net";
import { Deadlines } from "../proxy/deadlines.ts";
import { type NameLimits, Names, type Resolve } from "../proxy/names.ts";
import { Sweeper } from "../proxy/sweeper.ts";
import { type BufferLimits, RelayBuffers } from "./buffers.ts";
import type { DialWorld } from "./dial.ts";
import { emptyCounters, type L4Counters, type L4Entry } from "./entry.ts";
import { Relay, type RelayLimits, type RelayWorld } from "./relay.ts";
import { L4Table } from "./table.ts";

export interface L4Limits extends BufferLimits, RelayLimits {
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
  readonly #table = new L4Table();
  readonly #relays = new Set<Relay>();
  readonly #states = new Map<string, RouteState>();
  readonly #deadlines = new Deadlines();
  readonly #sweeper: Sweeper;
  #isDraining = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: L4Options) {
    const { limits, nameLimits, monotonicMs, resolve, isOwnAddress } = options;
    this.#options = options;
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
    this.#forget();
  }

  /** A connection on a port of routes. A plain socket that is given is empty afterwards. */
  accept(socket: Socket, port: number): void {
    const { tcp } = this.#table.tcp(port);
    if (tcp === undefined || this.#isDraining) socket.resetAndDestroy();
    else this.relay(tcp, socket);
  }

  /** Passes it on to a backend of the route. `early`: what was read of it already. */
  relay(entry: L4Entry, socket: Socket, early?: Buffer): void {
    const state = this.#state(entry.id);
    const { counters } = state;
    const backend = entry.backends[state.turn++ % Math.max(1, entry.backends.length)];
    const { maxConnections, maxRouteConnections } = this.limits;
    const isFull = this.#relays.size >= maxConnections || counters.open >= maxRouteConnections;
    if (isFull || backend === undefined) {
      counters[isFull ? "refused" : "failed"]++;
      void this.coarseMs; // who counts hears of it
      socket.resetAndDestroy();
      return;
    }
    if (socket.destroyed) return;
    const relay = new Relay(this, entry, counters, socket, early);
    this.#relays.add(relay);
    relay.connectTo(backend);
  }

  onGone(relay: Relay): void {
    this.#relays.delete(relay);
    void this.coarseMs;
    if (this.#relays.size === 0) this.#onEmpty?.();
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
    };
    signal.addEventListener("abort", cut, { once: true });
    if (signal.aborted) cut();
    if (this.#relays.size > 0) await empty;
    signal.removeEventListener("abort", cut);
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
    nextMs = Math.min(nextMs, this.#deadlines.sweep(nowMs));
    this.#options.onSweep();
    return nextMs;
  }
}
