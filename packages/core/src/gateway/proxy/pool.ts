/** Connections to each backend: kept for the next request, bounded, given up when idle or old. */
import type { Socket } from "node:net";
import { SkerryError, toSkerryError } from "../../domain/errors.ts";
import type { UpstreamProtocol } from "../../domain/gateway.ts";
import type { Backend } from "../table.ts";
import type { PoolCounts } from "../upstreams/state.ts";
import type { Context } from "./context.ts";
import { addressesOf, nameOf, openSocket, type Reach } from "./dial.ts";
import { type Attempt, firstMade } from "./first.ts";
import { type Home, UpstreamConnection } from "./h1-upstream.ts";
import { H2Upstream, NO_WEBSOCKET, notHttp2, type SharedHome } from "./h2-upstream.ts";
import type { UpstreamSide } from "./sides.ts";
import { upstreamTlsError } from "./upstream-tls.ts";
import { Wire } from "./wire.ts";

/** Who asked for a connection: one of the two is called, once, unless `isGone`. */
export interface ConnectionTaker {
  /** It asks for a WebSocket. */
  readonly isUpgrade: boolean;
  readonly isGone: boolean;
  onConnection(connection: UpstreamSide): void;
  onNoConnection(error: SkerryError): void;
}

/** One exchange has it for itself, or a stream of it. */
type Connection = UpstreamConnection | H2Upstream;

export class BackendPool implements Home, SharedHome, PoolCounts {
  readonly name: string;
  /** Of all pools: what they share connections by. */
  readonly key: string;
  /** It could not be connected to: until then others are asked first. */
  avoidUntilMs = 0;
  connectFailures = 0;
  readonly #backend: Backend;
  readonly #reach: Reach;
  readonly #context: Context;
  /** The one that was used last is taken first: the others may become idle long enough to go. */
  readonly #idle: UpstreamConnection[] = [];
  readonly #open = new Set<UpstreamConnection>();
  /** Those that speak HTTP/2. */
  readonly #shared = new Set<H2Upstream>();
  /** It spoke HTTP/2 last time: one connection will do for all that wait. */
  #isShared: boolean;
  #dialing = 0;
  /** The address that took a connection last: it is tried first. */
  #lastGood: string | undefined;
  #waiting: ConnectionTaker[] = [];
  #isClosed = false;

  readonly #onDial: (pool: BackendPool) => void;

  /** `onDial` is told before a connection is opened. */
  constructor(backend: Backend, reach: Reach, key: string, context: Context, onDial: (pool: BackendPool) => void) {
    this.#onDial = onDial;
    this.name = nameOf(backend);
    this.key = key;
    this.#backend = backend;
    this.#isShared = protocolOf(backend) === "h2";
    this.#reach = reach;
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#count + this.#waiting.length === 0;
  }

  get connections(): number {
    return this.#open.size + this.#shared.size;
  }

  get idleConnections(): number {
    let count = this.#idle.length;
    for (const one of this.#shared) if (one.isIdle) count++;
    return count;
  }

  get #count(): number {
    return this.#open.size + this.#shared.size + this.#dialing;
  }

  /** `isFresh`: a new connection, because one that was kept has just turned out to be dead. */
  take(taker: ConnectionTaker, isFresh: boolean): void {
    const shared = this.#sharedFor(taker);
    if (shared !== undefined) {
      taker.onConnection(shared.open());
      return;
    }
    while (!isFresh) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (this.#isGood(connection)) {
        taker.onConnection(connection);
        return;
      }
      connection.wire.destroy();
    }
    const { maxUpstreamConnections, maxWaiting } = this.#context.limits;
    // The one that was used longest ago makes room: nobody else may come to its end who does.
    if (isFresh && this.#count >= maxUpstreamConnections) this.#idle.shift()?.wire.destroy();
    const isComing = this.#isShared && this.#dialing > 0 && !taker.isUpgrade;
    if (!isComing && this.#count < maxUpstreamConnections) this.#dial(taker);
    else if (this.#waiting.length < maxWaiting) this.#waiting.push(taker);
    else {
      taker.onNoConnection(new SkerryError("exhausted/overload", "Too many requests wait for this upstream.", LATER));
    }
  }

  #sharedFor(taker: ConnectionTaker): H2Upstream | undefined {
    for (const one of this.#shared) if (one.mayOpen && (!taker.isUpgrade || one.takesConnect)) return one;
    return undefined;
  }

  onRoom(connection: H2Upstream): void {
    while (this.#shared.has(connection) && connection.mayOpen) {
      const taker = this.#nextWaiting();
      if (taker === undefined) return;
      this.#giveStream(connection, taker);
    }
  }

  #giveStream(connection: H2Upstream, taker: ConnectionTaker): void {
    if (!taker.isUpgrade || connection.takesConnect) taker.onConnection(connection.open());
    else if (protocolOf(this.#backend) === "h2") taker.onNoConnection(NO_WEBSOCKET);
    else this.#dial(taker);
  }

  onSharedClosed(connection: H2Upstream): void {
    if (!this.#shared.delete(connection)) return;
    this.#context.stats.upstreamConnections--;
    this.#serveWaiting();
  }

  release(connection: UpstreamConnection): void {
    if (!this.#isGood(connection)) {
      connection.wire.destroy();
      return;
    }
    const taker = this.#nextWaiting();
    if (taker !== undefined) {
      taker.onConnection(connection);
      return;
    }
    connection.idleSinceMs = this.#context.coarseMs;
    if (this.#context.isDraining || this.#idle.length >= this.#context.limits.maxUpstreamIdle)
      connection.wire.destroy();
    else this.#idle.push(connection);
  }

  onClosed(connection: UpstreamConnection): void {
    if (!this.#open.delete(connection)) return;
    this.#context.stats.upstreamConnections--;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#serveWaiting();
  }

  /** Closes what has been idle too long or is too old. Gives whether it must be looked at again. */
  sweep(nowMs: number): boolean {
    for (const connection of this.#idle.filter((one) => !this.#isGood(one, nowMs))) connection.wire.destroy();
    for (const connection of this.#shared) this.#sweepShared(connection, nowMs);
    this.#waiting = this.#waiting.filter((taker) => !taker.isGone);
    return this.#idle.length + this.#shared.size + this.#waiting.length > 0;
  }

  #sweepShared(connection: H2Upstream, nowMs: number): void {
    const { upstreamIdleMs, upstreamAgeMs } = this.#context.limits;
    const isIdleTooLong = connection.isIdle && nowMs - connection.idleSinceMs > upstreamIdleMs;
    if (isIdleTooLong || nowMs - connection.createdMs >= upstreamAgeMs) connection.retire();
  }

  /** For good: what is being connected ends as soon as it is there. */
  close(): void {
    this.#isClosed = true;
    for (const connection of [...this.#open, ...this.#shared]) connection.wire.destroy();
  }

  #isGood(connection: UpstreamConnection, nowMs = this.#context.coarseMs): boolean {
    const { upstreamIdleMs, upstreamAgeMs } = this.#context.limits;
    if (connection.wire.isDestroyed || connection.wire.hasEnded) return false;
    const isIdleTooLong = connection.idleSinceMs > 0 && nowMs - connection.idleSinceMs > upstreamIdleMs;
    return !isIdleTooLong && nowMs - connection.createdMs < upstreamAgeMs;
  }

  #nextWaiting(): ConnectionTaker | undefined {
    while (this.#waiting.length > 0) {
      const taker = this.#waiting.shift() as ConnectionTaker;
      if (!taker.isGone) return taker;
    }
    return undefined;
  }

  #serveWaiting(): void {
    if (this.#count >= this.#context.limits.maxUpstreamConnections) return;
    const taker = this.#nextWaiting();
    if (taker !== undefined) this.#dial(taker);
  }

  #dial(taker: ConnectionTaker): void {
    this.#onDial(this);
    this.#dialing++;
    const needsHttp1 = taker.isUpgrade && this.#isShared;
    this.#connect(needsHttp1).then(
      (connection) => {
        this.#dialing--;
        if (this.#isClosed) connection.wire.destroy();
        else if (connection instanceof H2Upstream) {
          this.#isShared = true;
          // It has waited longest. Others may have filled the connection meanwhile, or it may be gone.
          this.#waiting.unshift(taker);
          if (this.#shared.has(connection)) this.onRoom(connection);
          else this.#serveWaiting();
        } else {
          if (!needsHttp1) this.#speaksHttp1();
          if (taker.isGone) this.release(connection);
          else taker.onConnection(connection);
        }
      },
      (error: unknown) => {
        this.#dialing--;
        this.#context.stats.upstreamErrors++;
        this.connectFailures++;
        this.avoidUntilMs = this.#context.coarseMs + this.#context.limits.avoidMs;
        if (!taker.isGone) taker.onNoConnection(toSkerryError(error));
        this.#serveWaiting();
      },
    );
  }

  /** Those that waited for a connection that they could share need their own. */
  #speaksHttp1(): void {
    if (!this.#isShared) return;
    this.#isShared = false;
    while (this.#waiting.length > 0 && this.#count < this.#context.limits.maxUpstreamConnections) this.#serveWaiting();
  }

  /** When the taker goes away meanwhile, the connection is there for the next. */
  async #connect(needsHttp1: boolean): Promise<Connection> {
    const found = await addressesOf(this.#backend, this.#reach, this.#context);
    const isGoodStill = this.#lastGood !== undefined && found.includes(this.#lastGood);
    const addresses = isGoodStill ? found.toSorted((a, b) => this.#rank(a) - this.#rank(b)) : found;
    const { deadlines, limits } = this.#context;
    return firstMade(
      addresses,
      (address) => this.#connectTo(address, needsHttp1),
      (run) => {
        const deadline = deadlines.add(this.#context.coarseMs + limits.nextAddressMs, run);
        return () => deadlines.delete(deadline);
      },
    );
  }

  #rank(address: string): number {
    return address === this.#lastGood ? 0 : 1;
  }

  /** `needsHttp1`: for a WebSocket, which the backend does not take over HTTP/2. */
  #connectTo(address: string, needsHttp1: boolean): Attempt<Connection> {
    const { options, limits, stats } = this.#context;
    const connection = new UpstreamConnection(this, this.#context);
    let reader: Connection = connection;
    const alpn = needsHttp1 ? HTTP1 : ALPN[protocolOf(this.#backend)];
    const wire = new Wire(
      connection,
      () => reader.nextBuffer(),
      openSocket(this.#backend, address, options, alpn),
      this.#context.flusher,
    );
    connection.wire = wire;
    const isTls = this.#backend.kind === "tcp" && this.#backend.tls;
    const made = new Promise<Connection>((resolve, reject) => {
      let cause: unknown;
      const giveUp = (): void => {
        cause = new SkerryError(
          "unavailable/connect-timeout",
          "The upstream did not take the connection in time.",
          CHECK,
        );
        wire.destroy();
      };
      const deadline = this.#context.deadlines.add(this.#context.coarseMs + limits.connectMs, giveUp);
      const begin = (one: Connection): void => {
        this.#context.deadlines.delete(deadline);
        if (one instanceof H2Upstream) this.#shared.add(one);
        else this.#open.add(one);
        this.#lastGood = address;
        stats.upstreamConnections++;
        resolve(one);
      };
      wire.socket.once(isTls ? "secureConnect" : "connect", () => {
        if (!speaksHttp2(this.#backend, wire.socket)) return begin(connection);
        const shared = new H2Upstream(this, this.#context, begin);
        reader = shared;
        wire.owner = shared.connection;
        shared.begin(wire);
        cause = notHttp2();
      });
      wire.socket.once("error", (error) => {
        cause ??= connectError(error);
      });
      wire.socket.once("close", () => {
        this.#context.deadlines.delete(deadline);
        reject(cause ?? connectError(undefined));
      });
    });
    return { made, callOff: () => wire.destroy() };
  }
}

function protocolOf(backend: Backend): UpstreamProtocol {
  return (backend.kind === "tcp" ? backend.protocol : undefined) ?? "auto";
}

const HTTP1 = ["http/1.1"] as const;
/** What is offered in the TLS handshake. */
const ALPN = { auto: ["h2", "http/1.1"], h2: ["h2"], "http/1.1": HTTP1 } as const;

/** The connection is there, TLS too. */
function speaksHttp2(backend: Backend, socket: Socket): boolean {
  if ("alpnProtocol" in socket) return socket.alpnProtocol === "h2";
  return protocolOf(backend) === "h2";
}

const LATER = { retryAfterMs: 1000, hint: "Try again later." };
const CHECK = { hint: "Look whether the upstream runs and listens where the route says." };

/** What may be told to an outsider: why, never where. */
function connectError(cause: (Error & { code?: string }) | undefined): SkerryError {
  const code = cause?.code ?? "";
  let message = "The upstream could not be reached.";
  if (code === "ECONNREFUSED" || code === "ENOENT") message = "The upstream refused the connection.";
  else if (cause !== undefined) {
    const ofTls = upstreamTlsError(cause);
    if (ofTls !== undefined) return ofTls;
  }
  return new SkerryError("unavailable/upstream", message, { cause, ...CHECK });
}
