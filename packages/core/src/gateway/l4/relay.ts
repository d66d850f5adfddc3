/**
 * A client's connection and the one to its backend, bytes between them both ways. Ends of either side are passed on as
 * they came: a side that sends no more ends that direction alone, a reset resets the other.
 */
import type { Socket } from "node:net";
import { SkerryError } from "../../domain/errors.ts";
import { type Attempt, firstMade } from "../proxy/first.ts";
import type { RelayBuffers } from "./buffers.ts";
import { addressesOf, type DialWorld } from "./dial.ts";
import type { L4Backend, L4Counters, L4Entry } from "./entry.ts";
import { writeProxyHeader } from "./proxy-header.ts";
import { type Early, Side, type SideOwner } from "./side.ts";
import { type Address, connectTcp, type TcpHandle, takeHandle } from "./tcp-handle.ts";

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
class Dialing {
  readonly #onMade: (side: Side) => void;
  readonly #onFailed: () => void;
  readonly #side: Side | undefined;
  #isOver = false;

  constructor(
    relay: Relay,
    { buffers, limits }: RelayWorld,
    address: string,
    port: number,
    onMade: (side: Side) => void,
    onFailed: () => void,
  ) {
    this.#onMade = onMade;
    this.#onFailed = onFailed;
    const handle = connectTcp(address, port, (status) => this.#onConnected(status));
    if (typeof handle === "number") {
      this.#isOver = true;
      // Who has begun it does not have it yet.
      process.nextTick(onFailed);
      return;
    }
    this.#side = new Side(relay, buffers, limits.bulkReadBytes, handle, undefined, undefined);
    // Now already: libuv tells the kernel once less what it waits for.
    this.#side.open();
  }

  callOff(): void {
    this.#isOver = true;
    this.#side?.close(false);
  }

  #onConnected(status: number): void {
    const side = this.#side;
    if (this.#isOver || side === undefined) return;
    this.#isOver = true;
    if (status === 0) this.#onMade(side);
    else {
      side.close(false);
      this.#onFailed();
    }
  }
}

/** A client's connection: a handle, or a socket that still has its own. */
export type Accepted = TcpHandle | Socket;

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
  constructor(world: RelayWorld, entry: L4Entry, counters: L4Counters, client: Accepted, early?: Early) {
    this.#world = world;
    this.entry = entry;
    this.#counters = counters;
    counters.connections++;
    counters.open++;
    counters.bytesIn += early?.bytes.length ?? 0;
    this.deadlineMs = world.coarseMs + world.limits.connectMs;
    const announced = announce(entry, client, early);
    const [handle, shell] = "getpeername" in client ? [client, undefined] : [takeHandle(client), client];
    this.#client = new Side(this, world.buffers, world.limits.bulkReadBytes, handle, shell, announced);
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
      if (found instanceof Promise) {
        this.#dialFirst(found, backend.port);
        // It may take a while: what comes is kept, and an end is heard.
        this.#client.open();
      } else this.#dialing = this.#dial(found[0] as string, backend.port, this.#onMade, this.#onFailed);
    } catch {
      // Its status says which addresses a route may not lead to.
      this.#fail();
    }
  }

  #dialFirst(found: Promise<readonly string[]>, port: number): void {
    const attempt = (address: string): Attempt<Side> => {
      const { promise, resolve, reject } = Promise.withResolvers<Side>();
      const dialing = this.#dial(address, port, resolve, () => reject(NOT_MADE));
      return { made: promise, callOff: () => dialing.callOff() };
    };
    const later = (run: () => void) => this.#world.later(this.#world.limits.nextAddressMs, run);
    found.then((addresses) => firstMade(addresses, attempt, later)).then(this.#onMade, this.#onFailed);
  }

  #dial(address: string, port: number, onMade: (side: Side) => void, onFailed: () => void): Dialing {
    return new Dialing(this, this.#world, address, port, onMade, onFailed);
  }

  readonly #onFailed = (): void => this.#fail();

  readonly #onMade = (side: Side): void => {
    this.#dialing = undefined;
    if (this.#isOver || side.isClosed) {
      side.close(false);
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
    this.#client.close(isBroken);
    upstream?.close(isBroken);
    this.#client.release();
    upstream?.release();
    counters.open--;
    this.#world.onGone(this);
  }
}

/** What goes to the backend first: who asks, when it is told, and what was read before. */
function announce({ proxyProtocol }: L4Entry, from: Accepted, early: Early | undefined): Early | undefined {
  if (proxyProtocol === undefined) return early;
  const [client, here] = "getpeername" in from ? endsOfHandle(from) : endsOfSocket(from);
  const header = writeProxyHeader(proxyProtocol, plain(client), plain(here));
  if (early === undefined) return { bytes: header, hasEnded: false };
  return { bytes: Buffer.concat([header, early.bytes]), hasEnded: early.hasEnded };
}

function endsOfHandle(handle: TcpHandle): readonly [Partial<Address>, Partial<Address>] {
  const [client, here]: Partial<Address>[] = [{}, {}];
  handle.getpeername(client as Partial<Address>);
  handle.getsockname(here as Partial<Address>);
  return [client as Partial<Address>, here as Partial<Address>];
}

function endsOfSocket(socket: Socket): readonly [Partial<Address>, Partial<Address>] {
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = socket;
  return [
    { address: remoteAddress, port: remotePort },
    { address: localAddress, port: localPort },
  ];
}

function plain({ address, port = 0 }: Partial<Address>): Address {
  return { address: (address || "0.0.0.0").replace(/^::ffff:(?=\d+\.)/i, ""), port };
}

const NOT_MADE = new SkerryError("unavailable/upstream", "The backend did not take the connection.");
