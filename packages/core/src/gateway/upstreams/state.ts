/** What a worker knows of backends, kept while the upstream is there, however its routes and the rest of it change. */
import type { ErrorId } from "../../domain/errors.ts";
import { PeakEwma } from "./peak-ewma.ts";

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
  end(error: ErrorId | "aborted" | undefined, _nowMs: number): void {
    this.inFlight--;
    if (isFailure(error)) this.failures++;
  }

  /** Whether it may get requests now. */
  isEligible(_nowMs: number): boolean {
    return true;
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

  get backends(): Iterable<BackendState> {
    return this.#backends.values();
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
