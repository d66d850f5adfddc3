/** What all workers together have served, as metrics. A worker tells its sums; one that ended leaves what it told. */
import type { Metrics } from "@skerry/core/domain/telemetry.ts";
import { LATENCY_MS } from "@skerry/core/gateway/proxy/latency.ts";
import type { ProxyStats } from "@skerry/core/gateway/proxy/records.ts";
import { COUNTERS, GAUGES, LABELLED_COUNTERS, MOST_GAUGES, type Row } from "./traffic-families.ts";

/** In seconds. */
const BOUNDS = LATENCY_MS.map((ms) => Number((ms / 1000).toPrecision(4)));

/** Adds what has come to it between two looks at a worker. */
type Step = (before: ProxyStats, now: ProxyStats) => void;

export class TrafficCounts {
  readonly #latency = new Array<number>(BOUNDS.length + 1).fill(0);
  #latencySumMs = 0;
  readonly #steps: readonly Step[];

  /** `live`: what the workers that live have last told. */
  constructor(metrics: Metrics, live: () => readonly ProxyStats[]) {
    const help = "Time from the head of a request to the end of its answer, without tunnels.";
    metrics.distributions("skerry_gateway_request_duration_seconds", help, BOUNDS, [], () => [
      [{}, { counts: this.#latency, sum: this.#latencySumMs / 1000 }],
    ]);
    const labelled = LABELLED_COUNTERS.map(([name, said, labels, of]) =>
      labelledStep(metrics.counter(`skerry_gateway_${name}_total`, said, labels), labels, of),
    );
    const plain = COUNTERS.map(([name, said, of]): Step => {
      const add = metrics.counter(`skerry_gateway_${name}_total`, said);
      return (before, now) => {
        const amount = of(now) - of(before);
        if (amount > 0) add(amount);
      };
    });
    this.#steps = [...labelled, ...plain];
    const gauge = (name: string, said: string, read: () => number) =>
      metrics.gauge(`skerry_gateway_${name}`, said, read);
    for (const [name, said, of] of GAUGES) gauge(name, said, () => live().reduce((all, stats) => all + of(stats), 0));
    for (const [name, said, of] of MOST_GAUGES) gauge(name, said, () => Math.max(0, ...live().map(of)));
  }

  /** What one worker told before, and tells now. */
  take(before: ProxyStats, now: ProxyStats): void {
    for (const [at, sum] of this.#latency.entries()) {
      this.#latency[at] = sum + Math.max(0, (now.latency[at] ?? 0) - (before.latency[at] ?? 0));
    }
    this.#latencySumMs += Math.max(0, now.latencySumMs - before.latencySumMs);
    for (const step of this.#steps) step(before, now);
  }
}

function labelledStep(
  add: ReturnType<Metrics["counter"]>,
  labels: readonly string[],
  of: (stats: ProxyStats) => readonly Row[],
): Step {
  return (before, now) => {
    const known = new Map(of(before).map(([values, count]) => [values.join(), count]));
    for (const [values, count] of of(now)) {
      const amount = count - (known.get(values.join()) ?? 0);
      if (amount > 0) add(amount, Object.fromEntries(labels.map((label, at) => [label, values[at] ?? ""])));
    }
  };
}
