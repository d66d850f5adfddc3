/** What one route has served since the daemon's start, and lately, from readings of /metrics. Pure. */
import type { Reading } from "./metrics.ts";

export interface RouteCounts {
  /** Answers by class: `2xx`, `aborted`. */
  readonly byClass: ReadonlyMap<string, number>;
  readonly byReason: ReadonlyMap<string, number>;
  readonly inFlight: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

const PREFIX = "skerry_gateway_route_";

export function routeCounts(reading: Reading, uid: string): RouteCounts {
  const by = (metric: string, label: string) => {
    const counts = new Map<string, number>();
    const start = `${PREFIX}${metric}{route="${uid}",${label}="`;
    for (const [series, value] of reading)
      if (series.startsWith(start) && value > 0) counts.set(series.slice(start.length, -2), value);
    return counts;
  };
  const one = (metric: string) => reading.get(`${PREFIX}${metric}{route="${uid}"}`) ?? 0;
  return {
    byClass: by("requests_total", "class"),
    byReason: by("errors_total", "reason"),
    inFlight: one("requests_in_flight"),
    receivedBytes: one("received_bytes_total"),
    sentBytes: one("sent_bytes_total"),
  };
}
