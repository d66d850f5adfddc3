/** How the core tells what happens. The daemon gives pino and prom-client behind it; tests collect. */

export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export type Family = Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

/** How often something took at most so long: `counts` beside the bounds of the metric, with one more for what is beyond them. */
export interface Distribution {
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** Names follow Prometheus: `skerry_<area>_<what>_<unit>[_total]`. Labels have few values: uids of users' things, and names only where nothing else tells them apart (backends). */
export interface Metrics {
  /**
   * Read when scraped: a value for each set of labels, those of counters growing. `read` gives them in an order that stays:
   * those beyond `most` (default: `LIMITS.metrics.maxLabelSets`) are added up as `other`.
   */
  family(
    kind: "counter" | "gauge",
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Family,
    most?: number,
  ): void;
  /** The same for histograms. */
  distributions(
    name: string,
    help: string,
    bounds: readonly number[],
    labels: readonly string[],
    read: () => Iterable<readonly [labels: Readonly<Record<string, string>>, value: Distribution]>,
  ): void;
  counter(
    name: string,
    help: string,
    labels?: readonly string[],
  ): (amount?: number, labels?: Record<string, string>) => void;
  /** Read when scraped. */
  gauge(name: string, help: string, read: () => number): void;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly string[],
  ): (value: number, labels?: Record<string, string>) => void;
}
