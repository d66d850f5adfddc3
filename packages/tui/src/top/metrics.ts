/** From two readings of /metrics (Prometheus text) to what happened between them. Pure. */

import { type RouteTraffic, routeTraffic } from "./route-traffic.ts";

/** Every series by its name and labels, as they are written. */
export type Reading = ReadonlyMap<string, number>;

export interface Sample {
  /** Of one core: 150 is one and a half. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  /** Without the questions for these figures. */
  readonly api: Traffic;
  /** All zero where there is no gateway. */
  readonly gateway: Traffic;
  /** Of the API, the busiest first. */
  readonly routes: readonly { readonly route: string; readonly perSecond: number }[];
  /** Of the gateway, the busiest first. */
  readonly gatewayRoutes: readonly RouteTraffic[];
}

export interface Traffic {
  readonly perSecond: number;
  /** Undefined when there was no request: half of them, nineteen of twenty, and all but one of a hundred took at most so long. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

const REQUESTS = "skerry_http_requests_total";
const DURATIONS = "skerry_http_request_duration_seconds_bucket";
const GATEWAY_REQUESTS = "skerry_gateway_requests_total";
const GATEWAY_DURATIONS = "skerry_gateway_request_duration_seconds_bucket";
/** The route that is asked for all this. */
const OWN_ROUTE = "node.metrics";

export function parseMetrics(text: string): Reading {
  const reading = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    const value = Number(line.slice(space + 1).replace("+Inf", "Infinity"));
    if (space > 0 && !Number.isNaN(value)) reading.set(line.slice(0, space), value);
  }
  return reading;
}

/** `seconds`: between the two. A counter that went back began again: the daemon was restarted. */
export function sampleOf(before: Reading, after: Reading, seconds: number): Sample {
  const grown = (series: string) => {
    const now = after.get(series) ?? 0;
    const then = before.get(series) ?? 0;
    return now >= then ? now - then : now;
  };
  /** What a metric has grown by, for each value of a label. */
  const grownBy = (metric: string, label: string) => {
    const sums = new Map<string, number>();
    for (const series of after.keys()) {
      if (!series.startsWith(`${metric}{`) || labelOf(series, "route") === OWN_ROUTE) continue;
      const value = labelOf(series, label);
      sums.set(value, (sums.get(value) ?? 0) + grown(series));
    }
    return sums;
  };
  const perRoute = grownBy(REQUESTS, "route");
  const routes = [...perRoute]
    .filter(([, count]) => count > 0)
    .map(([route, count]) => ({ route, perSecond: count / seconds }))
    .sort((a, b) => b.perSecond - a.perSecond || (a.route < b.route ? -1 : 1));
  return {
    cpuPercent: (grown("process_cpu_seconds_total") / seconds) * 100,
    memoryBytes: after.get("process_resident_memory_bytes") ?? 0,
    api: trafficOf(perRoute, grownBy(DURATIONS, "le"), seconds),
    gateway: trafficOf(grownBy(GATEWAY_REQUESTS, "class"), grownBy(GATEWAY_DURATIONS, "le"), seconds),
    routes,
    gatewayRoutes: routeTraffic(after, grown, seconds),
  };
}

function trafficOf(
  counts: ReadonlyMap<string, number>,
  durations: ReadonlyMap<string, number>,
  seconds: number,
): Traffic {
  const bounds = [...durations]
    .map(([le, count]) => [Number(le.replace("+Inf", "Infinity")), count] as const)
    .sort(([a], [b]) => a - b);
  return {
    perSecond: [...counts.values()].reduce((sum, count) => sum + count, 0) / seconds,
    p50Ms: quantile(bounds, 0.5),
    p95Ms: quantile(bounds, 0.95),
    p99Ms: quantile(bounds, 0.99),
  };
}

function labelOf(series: string, name: string): string {
  return new RegExp(`[{,]${name}="([^"]*)"`).exec(series)?.[1] ?? "";
}

/** As Prometheus' histogram_quantile: even within a bucket; the last bound for what is beyond it. */
function quantile(bounds: readonly (readonly [bound: number, cumulative: number])[], q: number): number | undefined {
  const total = bounds.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  let lower = 0;
  let below = 0;
  for (const [bound, cumulative] of bounds) {
    if (cumulative >= q * total && cumulative > below) {
      if (!Number.isFinite(bound)) return lower * 1000;
      return (lower + ((bound - lower) * (q * total - below)) / (cumulative - below)) * 1000;
    }
    lower = Number.isFinite(bound) ? bound : lower;
    below = cumulative;
  }
  return lower * 1000;
}
