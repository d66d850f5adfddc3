/** Metrics in the text format of Prometheus, in a registry of their own. */
import type { Family, Metrics } from "@skerry/core/domain/telemetry.ts";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import Registry from "prom-client/lib/registry.js";
import { addDistributions, type Distributions } from "./distributions.ts";
import { LabelSets } from "./label-sets.ts";
import { addProcessMetrics } from "./process-metrics.ts";

export interface DaemonMetrics extends Metrics {
  /** Everything, in the text format. */
  render(): Promise<string>;
  /** Content-Type of what `render` gives. */
  readonly contentType: string;
}

type Kind = "counter" | "gauge" | "histogram";
type Record_ = (value?: number, labels?: Record<string, string>) => void;

interface Instrument {
  readonly kind: Kind;
  readonly labels: string;
  readonly record: Record_;
}

const NAME = /^[a-z][a-z0-9_]*$/;

/**
 * Registering a name again gives the same instrument; of two gauges of one name the last one is read. A name with another
 * kind or other labels is a mistake in the program and throws. Recording never throws: values that make no sense are left out.
 */
export function createMetrics(): DaemonMetrics {
  const registry = new Registry();
  const instruments = new Map<string, Instrument>();
  const reads = new Map<string, () => number>();
  const families = new Map<string, () => Family>();
  const histograms = new Map<string, () => Distributions>();

  const instrument = (kind: Kind, name: string, labels: readonly string[], make: () => Record_): Record_ => {
    const known = instruments.get(name);
    const shape = labels.join(",");
    if (known === undefined) {
      if (!NAME.test(name)) throw new Error(`${JSON.stringify(name)} is not a name of a metric`);
      const record = make();
      instruments.set(name, { kind, labels: shape, record });
      return record;
    }
    if (known.kind === kind && known.labels === shape) return known.record;
    throw new Error(`metric ${name} is a ${known.kind} with labels [${known.labels}], not a ${kind} with [${shape}]`);
  };

  const metrics: DaemonMetrics = {
    counter(name, help, labels = []) {
      return instrument("counter", name, labels, () => {
        const counter = new Counter({ name, help, labelNames: [...labels], registers: [registry] });
        const sets = new LabelSets(labels);
        return (amount = 1, given) => {
          if (amount >= 0 && Number.isFinite(amount)) counter.inc(sets.admit(given), amount);
        };
      });
    },
    gauge(name, help, read) {
      reads.set(name, read);
      instrument("gauge", name, [], () => {
        const collect = function (this: Gauge): void {
          const value: unknown = readSafely(reads.get(name), Number.NaN);
          this.set(typeof value === "number" ? value : Number.NaN);
        };
        new Gauge({ name, help, registers: [registry], collect });
        return () => undefined;
      });
    },
    family(kind, name, help, labels, read, most) {
      families.set(name, read);
      instrument(kind, name, labels, () => {
        const collect = function (this: Gauge | Counter): void {
          fill(this, new LabelSets(labels, most), readSafely(families.get(name), []));
        };
        const options = { name, help, labelNames: [...labels], registers: [registry], collect };
        if (kind === "counter") new Counter(options);
        else new Gauge(options);
        return () => undefined;
      });
    },
    distributions(name, help, bounds, labels, read) {
      histograms.set(name, read);
      const readLast = () => readSafely(histograms.get(name), []);
      instrument("histogram", name, labels, () => addDistributions(registry, name, help, bounds, labels, readLast));
    },
    histogram(name, help, buckets, labels = []) {
      const options = { name, help, buckets: [...buckets], labelNames: [...labels], registers: [registry] };
      return instrument("histogram", name, labels, () => observing(new Histogram(options), new LabelSets(labels)));
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
  addProcessMetrics(metrics, registry);
  return metrics;
}

function observing(histogram: Histogram, sets: LabelSets): Record_ {
  return (value = 0, given) => {
    if (Number.isFinite(value)) histogram.observe(sets.admit(given), value);
  };
}

/** What is gone since the last time is gone. */
function fill(metric: Gauge | Counter, sets: LabelSets, rows: Family): void {
  metric.reset();
  for (const [given, value] of rows) {
    if (value >= 0 && Number.isFinite(value)) metric.inc(sets.admit(given), value);
  }
}

/** One metric that fails must not hide the others. */
function readSafely<T>(read: (() => T) | undefined, otherwise: T): T {
  try {
    return read?.() ?? otherwise;
  } catch {
    return otherwise;
  }
}
