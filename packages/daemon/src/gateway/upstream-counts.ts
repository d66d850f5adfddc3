/** What all workers together know of backends: sums of what each has told, also of those that have ended. */
import { type BackendCounters, GROWING, type UpstreamCounters } from "@skerry/core/gateway/upstreams/state.ts";
import type { FleetUpstreams } from "./fleet-ears.ts";

type Backends = Map<string, BackendCounters>;

/** Of all workers together. */
export type BackendTraffic = Omit<BackendCounters, "run">;

/** Whether there is such a backend: the upstream's uid, and its name. */
type IsKnown = (id: string, name: string) => boolean;

export class UpstreamCounts implements FleetUpstreams {
  readonly #isKnown: IsKnown;
  /** Of workers that live: by worker, then upstream, then backend. */
  readonly #live = new Map<object, Map<string, Backends>>();
  /** Sums that nobody tells again: of workers that have ended, and of backends that began anew. */
  readonly #ended = new Map<string, Backends>();

  constructor(isKnown: IsKnown) {
    this.#isKnown = isKnown;
  }

  onCounters(worker: object, counters: UpstreamCounters): void {
    const known = this.#live.get(worker) ?? new Map<string, Backends>();
    this.#live.set(worker, known);
    for (const [id, told] of Object.entries(counters)) {
      const backends = known.get(id) ?? new Map<string, BackendCounters>();
      known.set(id, backends);
      for (const [name, now] of Object.entries(told)) {
        const before = backends.get(name);
        // It leads elsewhere, or was away for a while: the worker counts from the beginning.
        if (before !== undefined && now.run !== before.run) this.#keep(id, name, before);
        backends.set(name, now);
      }
      this.#prune(id);
    }
  }

  onGone(worker: object): void {
    for (const [id, backends] of this.#live.get(worker) ?? []) {
      for (const [name, counters] of backends) this.#keep(id, name, counters);
    }
    this.#live.delete(worker);
  }

  /** Backends that were taken out of the upstream would stay for ever. */
  #prune(id: string): void {
    for (const all of [this.#ended, ...this.#live.values()]) {
      const backends = all.get(id);
      for (const name of backends?.keys() ?? []) if (!this.#isKnown(id, name)) backends?.delete(name);
      if (backends?.size === 0) all.delete(id);
    }
  }

  /** The upstream is gone. */
  forget(id: string): void {
    this.#ended.delete(id);
    for (const known of this.#live.values()) known.delete(id);
  }

  /** Undefined: no worker has told of it. Response time is the mean of those that know it. */
  of(id: string, name: string): BackendTraffic | undefined {
    const live = [...this.#live.values()].flatMap((known) => known.get(id)?.get(name) ?? []);
    const ended = this.#ended.get(id)?.get(name);
    if (live.length === 0 && ended === undefined) return undefined;
    const all = ended === undefined ? live : [...live, ended];
    const times = live.map(({ ewmaMs }) => ewmaMs).filter((ms) => ms > 0);
    const mean = times.length === 0 ? 0 : times.reduce((a, b) => a + b) / times.length;
    const { run: _run, ...sums } = all.reduce(sumOf);
    return { ...sums, ewmaMs: Math.round(mean * 10) / 10 };
  }

  #keep(id: string, name: string, counters: BackendCounters): void {
    const backends = this.#ended.get(id) ?? new Map<string, BackendCounters>();
    const before = backends.get(name);
    const over = { ...counters, inFlight: 0, connections: 0, idleConnections: 0 };
    this.#ended.set(id, backends.set(name, before === undefined ? over : sumOf(before, over)));
  }
}

function sumOf(a: BackendCounters, b: BackendCounters): BackendCounters {
  const grown = Object.fromEntries(GROWING.map((name) => [name, a[name] + b[name]]));
  return {
    ...(grown as Record<(typeof GROWING)[number], number>),
    ...{ run: 0, ewmaMs: 0, inFlight: a.inFlight + b.inFlight },
    connections: a.connections + b.connections,
    idleConnections: a.idleConnections + b.idleConnections,
  };
}
