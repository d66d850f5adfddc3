/**
 * A client's connection and the one to its backend, bytes between them both ways. Ends of either side are passed on as
 * they came: a side that sends no more ends that direction alone, a reset resets the other.
 */
import type { OnReadOpts, Socket } from "node:net";
import { SkerryError } from "../../domain/errors.ts";
import { adopt } from "../proxy/adopt.ts";
import { type Attempt, firstMade } from "../proxy/first.ts";
import type { RelayBuffers } from "./buffers.ts";
import { addressesOf, type DialWorld, openTcp } from "./dial.ts";
import type { L4Backend, L4Counters, L4Entry } from "./entry.ts";
import { writeProxyHeader } from "./proxy-header.ts";
import { type Early, Side, type SideOwner } from "./side.ts";

export interface RelayLimits {
  readonly bulkReadBytes: number;
  readonly connectMs: number;
  readonly nextAddressMs: number;
  readonly idleMs: number;
  readonly halfClosedMs: number;
}

/** What all relays of a worker share. */
export interface RelayWorld {
  readonly limits: RelayLimits;
  readonly buffers: RelayBuffers;
  readonly dial: DialWorld;
  /** Near enough for deadlines, and free. */
  readonly coarseMs: number;
  later(inMs: number, run: () => void): () => void;
  onGone(relay: Relay): void;
}

/** A connection to a backend that is being made. */
class Dialing implements SideOwner {
  readonly side: Side;
  readonly #relay: Relay;
  readonly #onMade: (side: Side) => void;
  readonly #onFailed: () => void;
  #isOver = false;

  constructor(
    relay: Relay,
    world: RelayWorld,
    address: string,
    port: number,
    onMade: (side: Side) => void,
    onFailed: () => void,
  ) {
    this.#relay = relay;
    this.#onMade = onMade;
    this.#onFailed = onFailed;
    this.side = new Side(this, world.buffers, world.limits.bulkReadBytes, (onread) => openTcp(address, port, onread));
    this.side.socket.once("connect", () => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#onMade(this.side);
    });
  }

  callOff(): void {
    this.#isOver = true;
    this.side.socket.destroy();
  }

  onBytes(side: Side, count: number): void {
    this.#relay.onBytes(side, count);
  }

  onProgress(): void {
    this.#relay.onProgress();
  }

  onBroken(): void {
    if (this.#isOver) {
      // One that was called off is not the relay's.
      if (this.#relay.upstream === this.side) this.#relay.onBroken();
      return;
    }
    this.#isOver = true;
    this.#onFailed();
  }
}

export class Relay implements SideOwner {
  readonly entry: L4Entry;
  deadlineMs: number;
  upstream: Side | undefined;
  readonly #world: RelayWorld;
  readonly #counters: L4Counters;
  readonly #client: Side;
  #dialing: Dialing | undefined;
  #isOver = false;
  /** Its route is gone: it ends by then whatever happens. */
  #lastMs = Number.POSITIVE_INFINITY;

  /** `early`: what was read of it already. */
  constructor(world: RelayWorld, entry: L4Entry, counters: L4Counters, socket: Socket, early?: Early) {
    this.#world = world;
    this.entry = entry;
    this.#counters = counters;
    counters.connections++;
    counters.open++;
    counters.bytesIn += early?.bytes.length ?? 0;
    this.deadlineMs = world.coarseMs + world.limits.connectMs;
    const announced = announce(entry, socket, early);
    const make = (onread: OnReadOpts): Socket => adopt(socket, onread);
    this.#client = new Side(this, world.buffers, world.limits.bulkReadBytes, make, announced);
  }

  onBytes(side: Side, count: number): void {
    if (side === this.#client) this.#counters.bytesIn += count;
    else this.#counters.bytesOut += count;
    this.#touch();
  }

  #touch(): void {
    if (this.upstream === undefined) return;
    const { limits, coarseMs } = this.#world;
    const isHalf = this.#client.hasEnded || this.upstream.hasEnded;
    this.deadlineMs = Math.min(this.#lastMs, coarseMs + (isHalf ? limits.halfClosedMs : limits.idleMs));
  }

  /** It ends within this, whatever goes through it. */
  endWithin(inMs: number): void {
    this.#lastMs = this.#world.coarseMs + inMs;
    this.deadlineMs = Math.min(this.deadlineMs, this.#lastMs);
  }

  onDeadline(): void {
    if (this.upstream === undefined) this.#fail();
    else this.#end(true);
  }

  /** Both have sent their end, and all has gone: done. */
  onProgress(): void {
    const { upstream } = this;
    if (upstream === undefined || !upstream.hasEnded || !this.#client.hasEnded) return;
    if (!upstream.isWriting && !this.#client.isWriting) this.#end(false);
  }

  onBroken(): void {
    this.#end(true);
  }

  /** Once. */
  connectTo(backend: L4Backend): void {
    try {
      const found = addressesOf(backend, this.entry.reach, this.#world.dial);
      if (found instanceof Promise) this.#dialFirst(found, backend.port);
      else this.#dialing = this.#open(found[0] as string, backend.port, this.#onMade, this.#onFailed);
    } catch {
      // Its status says which addresses a route may not lead to.
      this.#fail();
    }
  }

  #dialFirst(found: Promise<readonly string[]>, port: number): void {
    const attempt = (address: string): Attempt<Side> => {
      const { promise, resolve, reject } = Promise.withResolvers<Side>();
      const dialing = this.#open(address, port, resolve, () => reject(NOT_MADE));
      return { made: promise, callOff: () => dialing.callOff() };
    };
    const later = (run: () => void) => this.#world.later(this.#world.limits.nextAddressMs, run);
    found.then((addresses) => firstMade(addresses, attempt, later)).then(this.#onMade, this.#onFailed);
  }

  #open(address: string, port: number, onMade: (side: Side) => void, onFailed: () => void): Dialing {
    return new Dialing(this, this.#world, address, port, onMade, onFailed);
  }

  readonly #onFailed = (): void => this.#fail();

  readonly #onMade = (side: Side): void => {
    this.#dialing = undefined;
    if (this.#isOver || side.socket.destroyed) {
      side.socket.destroy();
      this.#fail();
      return;
    }
    this.upstream = side;
    this.#touch();
    side.joinTo(this.#client);
    if (!this.#isOver) this.#client.joinTo(side);
  };

  #fail(): void {
    if (this.#isOver) return;
    this.#counters.failed++;
    this.#end(true);
  }

  #end(isBroken: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { upstream } = this;
    const counters = this.#counters;
    this.#dialing?.callOff();
    for (const side of [this.#client, upstream]) {
      if (side === undefined || side.socket.destroyed) continue;
      if (isBroken) side.socket.resetAndDestroy();
      else side.socket.destroy();
    }
    this.#client.release();
    upstream?.release();
    counters.open--;
    this.#world.onGone(this);
  }
}

/** What goes to the backend first: who asks, when it is told, and what was read before. */
function announce({ proxyProtocol }: L4Entry, socket: Socket, early: Early | undefined): Early | undefined {
  if (proxyProtocol === undefined) return early;
  const plain = (address: string | undefined) => (address ?? "0.0.0.0").replace(/^::ffff:(?=\d+\.)/i, "");
  const client = { address: plain(socket.remoteAddress), port: socket.remotePort ?? 0 };
  const here = { address: plain(socket.localAddress), port: socket.localPort ?? 0 };
  const header = writeProxyHeader(proxyProtocol, client, here);
  if (early === undefined) return { bytes: header, hasEnded: false };
  return { bytes: Buffer.concat([header, early.bytes]), hasEnded: early.hasEnded };
}

const NOT_MADE = new SkerryError("unavailable/upstream", "The backend did not take the connection.");
