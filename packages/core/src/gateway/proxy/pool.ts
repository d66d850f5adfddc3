/** Connections to each backend: kept for the next request, bounded, given up when idle or old. */
import { SkerryError, toSkerryError } from "../../domain/errors.ts";
import type { Backend, Upstream } from "../table.ts";
import type { Context } from "./context.ts";
import { addressesOf, nameOf, openSocket, type Reach } from "./dial.ts";
import { type Attempt, firstMade } from "./first.ts";
import { type Home, UpstreamConnection } from "./h1-upstream.ts";
import type { UpstreamSide } from "./sides.ts";
import { Wire } from "./wire.ts";

/** Who asked for a connection: one of the two is called, once, unless `isGone`. */
export interface ConnectionTaker {
  readonly isGone: boolean;
  onConnection(connection: UpstreamSide): void;
  onNoConnection(error: SkerryError): void;
}

export class BackendPool implements Home {
  readonly name: string;
  /** It could not be connected to: until then others are asked first. */
  avoidUntilMs = 0;
  readonly #backend: Backend;
  readonly #reach: Reach;
  readonly #context: Context;
  /** The one that was used last is taken first: the others may become idle long enough to go. */
  readonly #idle: UpstreamConnection[] = [];
  readonly #open = new Set<UpstreamConnection>();
  #dialing = 0;
  /** The address that took a connection last: it is tried first. */
  #lastGood: string | undefined;
  #waiting: ConnectionTaker[] = [];

  readonly #onDial: (pool: BackendPool) => void;

  /** `onDial` is told before a connection is opened. */
  constructor(backend: Backend, reach: Reach, context: Context, onDial: (pool: BackendPool) => void) {
    this.#onDial = onDial;
    this.name = nameOf(backend);
    this.#backend = backend;
    this.#reach = reach;
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#open.size + this.#dialing + this.#waiting.length === 0;
  }

  /** `isFresh`: a new connection, because one that was kept has just turned out to be dead. */
  take(taker: ConnectionTaker, isFresh: boolean): void {
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
    if (this.#open.size + this.#dialing < maxUpstreamConnections) this.#dial(taker);
    else if (this.#waiting.length < maxWaiting) this.#waiting.push(taker);
    else {
      taker.onNoConnection(new SkerryError("exhausted/overload", "Too many requests wait for this upstream.", LATER));
    }
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
    this.#waiting = this.#waiting.filter((taker) => !taker.isGone);
    return this.#idle.length + this.#waiting.length > 0;
  }

  close(): void {
    for (const connection of [...this.#open]) connection.wire.destroy();
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
    if (this.#open.size + this.#dialing >= this.#context.limits.maxUpstreamConnections) return;
    const taker = this.#nextWaiting();
    if (taker !== undefined) this.#dial(taker);
  }

  #dial(taker: ConnectionTaker): void {
    this.#onDial(this);
    this.#dialing++;
    this.#connect().then(
      (connection) => {
        this.#dialing--;
        if (taker.isGone) this.release(connection);
        else taker.onConnection(connection);
      },
      (error: unknown) => {
        this.#dialing--;
        this.#context.stats.upstreamErrors++;
        this.avoidUntilMs = this.#context.coarseMs + this.#context.limits.avoidMs;
        if (!taker.isGone) taker.onNoConnection(toSkerryError(error));
        this.#serveWaiting();
      },
    );
  }

  /** When the taker goes away meanwhile, the connection is there for the next. */
  async #connect(): Promise<UpstreamConnection> {
    const found = await addressesOf(this.#backend, this.#reach, this.#context);
    const isGoodStill = this.#lastGood !== undefined && found.includes(this.#lastGood);
    const addresses = isGoodStill ? found.toSorted((a, b) => this.#rank(a) - this.#rank(b)) : found;
    const { deadlines, limits } = this.#context;
    return firstMade(
      addresses,
      (address) => this.#connectTo(address),
      (run) => {
        const deadline = deadlines.add(this.#context.coarseMs + limits.nextAddressMs, run);
        return () => deadlines.delete(deadline);
      },
    );
  }

  #rank(address: string): number {
    return address === this.#lastGood ? 0 : 1;
  }

  #connectTo(address: string): Attempt<UpstreamConnection> {
    const { options, limits, stats } = this.#context;
    const connection = new UpstreamConnection(this, this.#context);
    const wire = new Wire(
      connection,
      () => connection.nextBuffer(),
      (onread) => openSocket(this.#backend, address, options, onread),
    );
    connection.wire = wire;
    const isTls = this.#backend.kind === "tcp" && this.#backend.tls;
    const made = new Promise<UpstreamConnection>((resolve, reject) => {
      let cause: unknown;
      const giveUp = (): void => {
        cause = new SkerryError("unavailable/timeout", "The upstream did not take the connection in time.", CHECK);
        wire.destroy();
      };
      const deadline = this.#context.deadlines.add(this.#context.coarseMs + limits.connectMs, giveUp);
      wire.socket.once(isTls ? "secureConnect" : "connect", () => {
        this.#context.deadlines.delete(deadline);
        this.#open.add(connection);
        this.#lastGood = address;
        stats.upstreamConnections++;
        resolve(connection);
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

const LATER = { retryAfterMs: 1000, hint: "Try again later." };
const CHECK = { hint: "Look whether the upstream runs and listens where the route says." };

/** What may be told to an outsider: why, never where. */
function connectError(cause: (Error & { code?: string }) | undefined): SkerryError {
  const code = cause?.code ?? "";
  let message = "The upstream could not be reached.";
  if (code === "ECONNREFUSED" || code === "ENOENT") message = "The upstream refused the connection.";
  else if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|ERR_TLS|ERR_SSL/.test(code)) {
    message = "The upstream's TLS certificate or handshake is not valid.";
  }
  return new SkerryError("unavailable/upstream", message, { cause, ...CHECK });
}

/** A backend and its pool. Backends that differ in path or Host only share the pool. */
export interface Member {
  readonly backend: Backend;
  readonly pool: BackendPool;
}

/** The pools of all backends. Backends of different reach share nothing: their addresses were checked differently. */
export class UpstreamPools {
  readonly #context: Context;
  /** Weak: a pool lives as long as an upstream that has it, or a connection of it. */
  readonly #byKey = new Map<string, WeakRef<BackendPool>>();
  /** Those that have, or are about to have, connections. */
  readonly #active = new Set<BackendPool>();
  readonly #rotations = new WeakMap<Upstream, { turn: number; readonly members: readonly Member[] }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** The backend whose turn it is, past those that are avoided unless all are; never one of `tried`. */
  next(upstream: Upstream, tried: readonly Member[]): Member | undefined {
    let rotation = this.#rotations.get(upstream);
    if (rotation === undefined) {
      const members = upstream.backends.map((backend) => ({ backend, pool: this.#poolOf(backend, upstream.reach) }));
      rotation = { turn: 0, members };
      this.#rotations.set(upstream, rotation);
    }
    const { members } = rotation;
    let avoided: Member | undefined;
    for (let tries = 0; tries < members.length; tries++) {
      rotation.turn = rotation.turn + 1 < members.length ? rotation.turn + 1 : 0;
      const member = members[rotation.turn] as Member;
      if (tried.includes(member)) continue;
      if (member.pool.avoidUntilMs <= this.#context.coarseMs) return member;
      avoided ??= member;
    }
    return avoided;
  }

  #poolOf(backend: Backend, reach: Reach): BackendPool {
    const key =
      backend.kind === "unix"
        ? `unix ${backend.path}`
        : `${reach} ${backend.tls ? "tls" : "tcp"} ${backend.host} ${backend.port}`;
    let pool = this.#byKey.get(key)?.deref();
    if (pool === undefined) {
      pool = new BackendPool(backend, reach, this.#context, (one) => this.#active.add(one));
      this.#byKey.set(key, new WeakRef(pool));
    }
    return pool;
  }

  /** Gives when to look again. */
  sweep(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const pool of this.#active) {
      if (pool.sweep(nowMs)) nextMs = nowMs;
      if (pool.isEmpty) this.#active.delete(pool);
    }
    for (const [key, pool] of this.#byKey) if (pool.deref() === undefined) this.#byKey.delete(key);
    return nextMs;
  }

  close(): void {
    for (const pool of this.#active) pool.close();
  }
}
