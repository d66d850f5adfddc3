/** What all workers together have served of each route, as metrics. Workers tell what is new: a sum loses nothing with them. */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Family, Metrics } from "@skerry/core/domain/telemetry.ts";
import { ROUTE_LATENCY_MS } from "@skerry/core/gateway/proxy/latency.ts";
import type { RouteNews } from "@skerry/core/gateway/proxy/route-counts.ts";
import type { FleetRoutes } from "./fleet-ears.ts";
import { CLASSES } from "./traffic-families.ts";

export interface Sum {
  readonly byClass: number[];
  bytesIn: number;
  bytesOut: number;
  latencySumMs: number;
  readonly latency: number[];
  readonly errors: Map<string, number>;
  failed: number;
}

/** In seconds. */
export const BOUNDS = ROUTE_LATENCY_MS.map((ms) => Number((ms / 1000).toPrecision(4)));
/** Of a route that has every class or reason; far more than there are of the latter. */
const MAX_REASONS = 64;

export class RouteTraffic implements FleetRoutes {
  readonly #isKnown: (uid: string) => boolean;
  /** By uid, in the order of their first requests: the first ones have rows of their own. */
  readonly #sums = new Map<string, Sum>();
  /** Requests that workers have in flight, by worker and uid. */
  readonly #inFlight = new Map<object, Map<string, number>>();

  /** `isKnown`: whether there is such a route. */
  constructor(metrics: Metrics, isKnown: (uid: string) => boolean) {
    this.#isKnown = isKnown;
    const most = LIMITS.metrics.maxLabelSets;
    const name = (end: string) => `skerry_gateway_route_${end}`;
    const count = (end: string, help: string, of: (sum: Sum) => number) =>
      metrics.family("counter", name(end), help, ["route"], () =>
        this.#all().map(([route, sum]) => [{ route }, of(sum)]),
      );
    const several = (end: string, help: string, label: string, of: (sum: Sum) => Iterable<readonly [string, number]>) =>
      metrics.family(
        ...(["counter", name(end), help, ["route", label]] as const),
        () => this.#bounded(label, of),
        (most + 1) * MAX_REASONS,
      );
    several("requests_total", "Answers to clients of a route, by its uid.", "class", ({ byClass }) =>
      CLASSES.map((each, at) => [each, byClass[at] ?? 0]),
    );
    several(
      "errors_total",
      "Requests of a route that its upstream did not answer as it should.",
      "reason",
      (sum) => sum.errors,
    );
    count("received_bytes_total", "Bytes of requests of a route.", (sum) => sum.bytesIn);
    count("sent_bytes_total", "Bytes of answers of a route.", (sum) => sum.bytesOut);
    metrics.family("gauge", name("requests_in_flight"), "Requests of a route that are served.", ["route"], () =>
      this.#all().map(([route]) => [{ route }, this.#inFlightOf(route)]),
    );
    const help = "Time from the head of a request to the end of its answer, without tunnels.";
    metrics.distributions(name("request_duration_seconds"), help, BOUNDS, ["route"], () =>
      this.#all().map(([route, { latency, latencySumMs }]) => [
        { route },
        { counts: latency, sum: latencySumMs / 1000 },
      ]),
    );
  }

  onNews(worker: object, news: Readonly<Record<string, RouteNews>>): void {
    const inFlight = this.#inFlight.get(worker) ?? new Map<string, number>();
    this.#inFlight.set(worker, inFlight);
    for (const [uid, told] of Object.entries(news)) {
      // It has gone meanwhile: nobody would ever forget it.
      if (!this.#isKnown(uid)) continue;
      if (told.inFlight === 0) inFlight.delete(uid);
      else inFlight.set(uid, told.inFlight);
      const sum = this.#sums.get(uid) ?? emptySum();
      this.#sums.set(uid, sum);
      add(sum, told);
    }
  }

  onGone(worker: object): void {
    this.#inFlight.delete(worker);
  }

  /** Those of routes that are gone go. */
  #all(): [uid: string, sum: Sum][] {
    for (const uid of this.#sums.keys()) {
      if (this.#isKnown(uid)) continue;
      this.#sums.delete(uid);
      for (const worker of this.#inFlight.values()) worker.delete(uid);
    }
    return [...this.#sums];
  }

  #inFlightOf(uid: string): number {
    let all = 0;
    for (const worker of this.#inFlight.values()) all += worker.get(uid) ?? 0;
    return all;
  }

  /** Beyond the routes that may have rows, they share those of `other`, where the second label stays what it is. */
  #bounded(label: string, of: (sum: Sum) => Iterable<readonly [string, number]>): Family {
    return this.#all().flatMap(([uid, sum], at) => {
      const route = at < LIMITS.metrics.maxLabelSets ? uid : "other";
      return [...of(sum)]
        .filter(([, count]) => count > 0)
        .map(([each, count]) => [{ route, [label]: each }, count] as const);
    });
  }
}

export function emptySum(): Sum {
  const latency = new Array<number>(BOUNDS.length + 1).fill(0);
  return {
    ...{ byClass: CLASSES.map(() => 0), latency, errors: new Map(), failed: 0 },
    bytesIn: 0,
    bytesOut: 0,
    latencySumMs: 0,
  };
}

export function add(sum: Sum, told: RouteNews): void {
  for (const [at, count] of told.byClass.entries()) sum.byClass[at] = (sum.byClass[at] ?? 0) + count;
  sum.bytesIn += told.bytesIn;
  sum.bytesOut += told.bytesOut;
  sum.latencySumMs += told.latencySumMs;
  sum.failed += told.failed;
  for (let at = 0; at + 1 < told.latency.length; at += 2) {
    const bucket = told.latency[at] as number;
    sum.latency[bucket] = (sum.latency[bucket] ?? 0) + (told.latency[at + 1] as number);
  }
  for (const [reason, count] of Object.entries(told.errors))
    sum.errors.set(reason, (sum.errors.get(reason) ?? 0) + count);
}
