/** What all workers together have served, as metrics. A worker tells its sums; one that ended leaves what it told. */
import type { Metrics } from "@skerry/core/domain/telemetry.ts";
import { LATENCY_MS } from "@skerry/core/gateway/proxy/latency.ts";
import type { ProxyStats } from "@skerry/core/gateway/proxy/records.ts";

/** In seconds. */
const BOUNDS = LATENCY_MS.map((ms) => Number((ms / 1000).toPrecision(4)));

export const CLASSES = ["aborted", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

export class TrafficCounts {
  readonly #requests: ReturnType<Metrics["counter"]>;
  readonly #latency = new Array<number>(BOUNDS.length + 1).fill(0);
  #latencySumMs = 0;
  readonly #sums: readonly (readonly [add: (amount: number) => void, of: (stats: ProxyStats) => number])[];

  /** `live`: what the workers that live have last told. */
  constructor(metrics: Metrics, live: () => readonly ProxyStats[]) {
    const sum = (name: string, help: string, of: (stats: ProxyStats) => number) =>
      [metrics.counter(`skerry_gateway_${name}_total`, help), of] as const;
    this.#requests = metrics.counter("skerry_gateway_requests_total", "Answers to clients, by class.", ["class"]);
    const help = "Time from the head of a request to the end of its answer, without tunnels.";
    metrics.distributions("skerry_gateway_request_duration_seconds", help, BOUNDS, [], () => [
      [{}, { counts: this.#latency, sum: this.#latencySumMs / 1000 }],
    ]);
    this.#sums = [
      sum("connections", "Connections of clients.", (stats) => stats.connectionsTotal),
      sum("refused_connections", "Connections closed at once: too many.", (stats) => stats.connectionsRefused),
      sum("shed_requests", "Requests refused because there was too much to do.", (stats) => stats.shed),
      sum("upstream_errors", "Attempts at upstreams that failed.", (stats) => stats.upstreamErrors),
      sum("hash_rings", "Circles of consistent hashing that were made.", (stats) => stats.ringBuilds),
      sum("health_probes", "Health checks of backends.", (stats) => stats.probes),
      sum("retries", "Requests that were sent to an upstream again.", (stats) => stats.retries),
      sum("retries_refused", "Requests that were not: the budget was used up.", (stats) => stats.retriesRefused),
      sum("received_bytes", "Bytes of requests.", (stats) => stats.bytesIn),
      sum("sent_bytes", "Bytes of answers.", (stats) => stats.bytesOut),
      sum("access_log_dropped_lines", "Lines of the access log that were lost.", (stats) => stats.accessLogDropped),
    ];
    const gauge = (name: string, help: string, of: (stats: ProxyStats) => number) =>
      metrics.gauge(`skerry_gateway_${name}`, help, () => live().reduce((all, stats) => all + of(stats), 0));
    gauge("connections", "Connections of clients that are open.", (stats) => stats.connections);
    gauge("upstream_connections", "Connections to upstreams that are open.", (stats) => stats.upstreamConnections);
    gauge("requests_in_flight", "Requests that are being served.", (stats) => stats.inFlight);
  }

  /** What one worker told before, and tells now. */
  take(before: ProxyStats, now: ProxyStats): void {
    for (const [at, name] of CLASSES.entries()) {
      const amount = (now.byClass[at] ?? 0) - (before.byClass[at] ?? 0);
      if (amount > 0) this.#requests(amount, { class: name });
    }
    for (const [at, sum] of this.#latency.entries()) {
      this.#latency[at] = sum + Math.max(0, (now.latency[at] ?? 0) - (before.latency[at] ?? 0));
    }
    this.#latencySumMs += Math.max(0, now.latencySumMs - before.latencySumMs);
    for (const [add, of] of this.#sums) {
      const amount = of(now) - of(before);
      if (amount > 0) add(amount);
    }
  }
}
