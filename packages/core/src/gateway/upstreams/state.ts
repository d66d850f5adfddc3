/** What a worker knows of backends, kept while the upstream is there, however its routes and the rest of it change. */
import type { ErrorId } from "../../domain/errors.ts";
import type { UpstreamCare } from "../../domain/upstream-care.ts";
import { Guard, type Neighbours, newTally } from "./guard.ts";
import { PeakEwma } from "./peak-ewma.ts";

/** What of it only grows while it is the same backend. */
export const GROWING = [
  "requests",
  "failures",
  "connectFailures",
  "checksPassed",
  "checksFailed",
  "breakerOpens",
  "ejections",
] as const;

/** What is told of a backend. Since the worker's start, but for what is as it is now. */
export interface BackendCounters extends Readonly<Record<(typeof GROWING)[number], number>> {
  /** Another one: under this name is another backend now, which counts from the beginning. */
  readonly run: number;
  readonly inFlight: number;
  /** Those of its address, which other upstreams may share. */
  readonly connections: number;
  readonly idleConnections: number;
  /** Response time as peak EWMA; 0: not known. */
  readonly ewmaMs: number;
}

/** What is known of the connections of a backend's address. */
export interface PoolCounts {
  readonly connections: number;
  readonly idleConnections: number;
  readonly connectFailures: number;
}

/** By the upstream's uid, then the backend's name. */
export type UpstreamCounters = Readonly<Record<string, Readonly<Record<string, BackendCounters>>>>;

/** Of all backends that this process has known. */
let runs = 0;

/** A request that failed counts as an answer that took so long. */
const FAILED_MS = 1000;

export class BackendState {
  /** Absent: the only backend of a route. */
  readonly name: string | undefined;
  /** Where it leads. Under the same name elsewhere it is another one. */
  readonly place: string;
  /** Requests that have chosen it and not come to their end. */
  inFlight = 0;
  /** Since the worker's start. */
  requests = 0;
  failures = 0;
  readonly tally = newTally();
  /** Of an upstream that takes care of its backends. */
  guard: Guard | undefined;
  readonly #ewma = new PeakEwma();
  readonly #run = ++runs;
  #pool: PoolCounts | undefined;
  /** Of connections that failed before it was there. */
  #failuresBefore = 0;
  /** As it was told last: the sum of what grows, and what is as it is now. */
  #toldGrown = 0;
  #toldInFlight = 0;
  #toldConnections = 0;
  #toldIdle = 0;

  constructor(name: string | undefined, place: string) {
    this.name = name;
    this.place = place;
  }

  /** Its connections are these. */
  watch(pool: PoolCounts): void {
    if (this.#pool !== undefined) return;
    this.#pool = pool;
    this.#failuresBefore = pool.connectFailures;
  }

  /** A request has chosen it. One of `end` follows. */
  begin(nowMs: number): void {
    this.requests++;
    this.inFlight++;
    this.guard?.begin(nowMs);
  }

  /** The head of its answer came `ms` after the request was sent. At most once for each `begin`. */
  answered(status: number, ms: number, nowMs: number): void {
    this.#ewma.observe(ms, nowMs);
    if (this.guard === undefined) return;
    if (status >= 500) this.guard.fail(nowMs);
    else this.guard.succeed(nowMs);
  }

  /** The request is over, or goes elsewhere. Undefined: its answer was whole; `aborted`: the client went away. */
  end(error: ErrorId | "aborted" | undefined, nowMs: number): void {
    this.inFlight--;
    if (isFailure(error)) {
      this.failures++;
      this.guard?.fail(nowMs);
      // Who fails at once is not quick: it would be sent everything.
      this.#ewma.observe(FAILED_MS, nowMs);
    } else if (error !== undefined) this.guard?.forget();
  }

  /** The request was given up after so long, because another backend has answered it. In place of `end`. */
  outrun(ms: number, nowMs: number): void {
    this.end("aborted", nowMs);
    // It would have taken longer, which tells something only when that is long.
    if (ms > this.ewmaMs(nowMs)) this.#ewma.observe(ms, nowMs);
  }

  /** Whether it may get requests now. */
  isEligible(nowMs: number): boolean {
    return this.guard === undefined || this.guard.mayGet(nowMs);
  }

  /** Part of its weight that counts now. */
  shareAt(nowMs: number): number {
    return this.guard === undefined ? 1 : this.guard.shareAt(nowMs);
  }

  /** Undefined: as it was told last. */
  news(nowMs: number): BackendCounters | undefined {
    const { requests, failures, inFlight, tally } = this;
    const { connections, idleConnections, connectFailures: all } = this.#pool ?? NO_POOL;
    const connectFailures = all - this.#failuresBefore;
    const { checksPassed, checksFailed, breakerOpens, ejections } = tally;
    const grown = requests + failures + connectFailures + checksPassed + checksFailed + breakerOpens + ejections;
    const isSame = grown === this.#toldGrown && inFlight === this.#toldInFlight;
    if (isSame && connections === this.#toldConnections && idleConnections === this.#toldIdle) return undefined;
    this.#toldGrown = grown;
    this.#toldInFlight = inFlight;
    this.#toldConnections = connections;
    this.#toldIdle = idleConnections;
    return {
      ...tally,
      ...{ run: this.#run, requests, failures, connectFailures, inFlight, connections, idleConnections },
      ewmaMs: Math.round(this.ewmaMs(nowMs) * 10) / 10,
    };
  }

  /** Response time, for who compares; 0: not known. */
  ewmaMs(nowMs: number): number {
    return this.#ewma.at(nowMs);
  }
}

const NO_POOL: PoolCounts = { connections: 0, idleConnections: 0, connectFailures: 0 };

/** What is the backend's doing, not the client's, nor ours. */
function isFailure(error: ErrorId | "aborted" | undefined): boolean {
  return error !== undefined && (error.startsWith("unavailable") || error === "forbidden/upstream");
}

export class UpstreamState implements Neighbours {
  readonly id: string;
  readonly #backends = new Map<string, BackendState>();
  readonly #madeMs: number;

  /** `nowMs`: monotonic. */
  constructor(id: string, nowMs: number) {
    this.id = id;
    this.#madeMs = nowMs;
  }

  /** Of backends of which there are some; undefined: of none. */
  news(nowMs: number): Record<string, BackendCounters> | undefined {
    let all: Record<string, BackendCounters> | undefined;
    for (const [name, backend] of this.#backends) {
      const news = backend.news(nowMs);
      if (news === undefined) continue;
      all ??= {};
      all[name] = news;
    }
    return all;
  }

  get backends(): Iterable<BackendState> {
    return this.#backends.values();
  }

  get count(): number {
    return this.#backends.size;
  }

  ejectedAt(nowMs: number): number {
    let count = 0;
    for (const { guard } of this.#backends.values()) if (guard?.isEjectedAt(nowMs) === true) count++;
    return count;
  }

  /** Made when it is not known yet. `place`: see `BackendState`. */
  backend(name: string, place: string, care: UpstreamCare | undefined, nowMs: number): BackendState {
    let state = this.#backends.get(name);
    if (state === undefined || state.place !== place) {
      state = new BackendState(name, place);
      this.#backends.set(name, state);
    }
    if (care === undefined) state.guard = undefined;
    else if (state.guard !== undefined) state.guard.follow(care);
    else state.guard = new Guard(care, this, nowMs - this.#madeMs >= NEW_AFTER_MS, nowMs, state.tally);
    return state;
  }

  /** The others are gone. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#backends.keys()) if (!names.has(name)) this.#backends.delete(name);
  }
}

/** A backend that comes so long after its upstream is new beside the others. */
const NEW_AFTER_MS = 1000;
