/** A logger and metrics that a test can look into. */
import type { Logger, Metrics } from "../domain/telemetry.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface CollectingLogger extends Logger {
  readonly lines: LogLine[];
}

export function createCollectingLogger(): CollectingLogger {
  const lines: LogLine[] = [];
  const at = (level: LogLine["level"]) => (fields: LogLine["fields"], message: string) => {
    lines.push({ level, fields, message });
  };
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export interface CollectingMetrics extends Metrics {
  /** Sum of a counter over its labels, count of a histogram, or the present value of a gauge; 0 when never touched. */
  value(name: string): number;
}

export function createCollectingMetrics(): CollectingMetrics {
  const sums = new Map<string, number>();
  const gauges = new Map<string, () => number>();
  const add = (name: string, amount: number): void => {
    sums.set(name, (sums.get(name) ?? 0) + amount);
  };
  return {
    counter: (name) => (amount) => add(name, amount ?? 1),
    gauge: (name, _help, read) => {
      gauges.set(name, read);
    },
    family: (_kind, name, _help, _labels, read) => {
      gauges.set(name, () => [...read()].reduce((sum, [, value]) => sum + value, 0));
    },
    distributions: () => undefined,
    histogram: (name) => () => add(name, 1),
    value: (name) => gauges.get(name)?.() ?? sums.get(name) ?? 0,
  };
}
