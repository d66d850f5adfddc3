/** What a worker knows of backends, kept while the upstream is there, however its routes and the rest of it change. */
import type { ErrorId } from "../../domain/errors.ts";
import { PeakEwma } from "./peak-ewma.ts";

/** What is told of a backend. */
export interface BackendCounters {
  /** Since the worker's start, as `failures`. */
  readonly requests: number;
  readonly failures: number;
  readonly inFlight: number;
  /** Response time as peak EWMA; 0: not known. */
  readonly ewmaMs: number;
}

/** By the upstream's uid, then the backend's name. */
export type UpstreamCounters = Readonly<Record<string, Readonly<Record<string, BackendCounters>>>>;

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
  readonly #ewma = new PeakEwma();
  /** As it was told last. */
  #toldRequests = 0;
  #toldInFlight = 0;

  constructor(name: string | undefined, place: string) {
    this.name = name;
    this.place = place;
  }

  /** A request has chosen it. One of `end` follows. */
  begin(): void {
    this.requests++;
    this.inFlight++;
  }

  /** The head of its answer came `ms` after the request was sent. At most once for each `begin`. */
  answered(_status: number, ms: number, nowMs: number): void {
    this.#ewma.observe(ms, nowMs);
  }

  /** The request is over, or goes elsewhere. Undefined: its answer was whole; `aborted`: the client went away. */
  end(error: ErrorId | "aborted" | undefined, nowMs: number): void {
    this.inFlight--;
    if (!isFailure(error)) return;
    this.failures++;
    // Who fails at once is not quick: it would be sent everything.
    this.#ewma.observe(FAILED_MS, nowMs);
  }

  /** Whether it may get requests now. */
  isEligible(_nowMs: number): boolean {
    return true;
  }

  /** Undefined: as it was told last. */
  news(nowMs: number): BackendCounters | undefined {
    const { requests, failures, inFlight } = this;
    // Each failure ends a request.
    if (requests === this.#toldRequests && inFlight === this.#toldInFlight) return undefined;
    this.#toldRequests = requests;
    this.#toldInFlight = inFlight;
    return { requests, failures, inFlight, ewmaMs: Math.round(this.ewmaMs(nowMs) * 10) / 10 };
  }

  /** Response time, for who compares; 0: not known. */
  ewmaMs(nowMs: number): number {
    return this.#ewma.at(nowMs);
  }
}

/** What is the backend's doing, not the client's, nor ours. */
function isFailure(error: ErrorId | "aborted" | undefined): boolean {
  return error !== undefined && (error.startsWith("unavailable") || error === "forbidden/upstream");
}

export class UpstreamState {
  readonly id: string;
  readonly #backends = new Map<string, BackendState>();

  constructor(id: string) {
    this.id = id;
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

  /** Made when it is not known yet. `place`: see `BackendState`. */
  backend(name: string, place: string): BackendState {
    let state = this.#backends.get(name);
    if (state === undefined || state.place !== place) {
      state = new BackendState(name, place);
      this.#backends.set(name, state);
    }
    return state;
  }

  /** The others are gone. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#backends.keys()) if (!names.has(name)) this.#backends.delete(name);
  }
}
