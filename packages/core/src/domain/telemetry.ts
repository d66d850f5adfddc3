/** How the core tells what happens. The daemon gives pino and prom-client behind it; tests collect. */

export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Names follow Prometheus: `skerry_<area>_<what>_<unit>[_total]`. Labels have few values, never names of users' things. */
export interface Metrics {
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
