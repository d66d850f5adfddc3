/** From two readings of /metrics (Prometheus text) to what happened between them. Pure. */

/** Every series by its name and labels, as they are written. */
export type Reading = ReadonlyMap<string, number>;

export interface Sample {
  /** Of one core: 150 is one and a half. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  readonly requestsPerSecond: number;
  /** Undefined when there was no request. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** The busiest first. */
  readonly routes: readonly { readonly route: string; readonly perSecond: number }[];
}

const REQUESTS = "skerry_http_requests_total";
const DURATIONS = "skerry_http_request_duration_seconds_bucket";

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
  const perRoute = new Map<string, number>();
  const perBound = new Map<number, number>();
  for (const series of after.keys()) {
    const route = labelOf(series, "route");
    if (series.startsWith(`${REQUESTS}{`)) perRoute.set(route, (perRoute.get(route) ?? 0) + grown(series));
    if (!series.startsWith(`${DURATIONS}{`)) continue;
    const bound = Number(labelOf(series, "le").replace("+Inf", "Infinity"));
    perBound.set(bound, (perBound.get(bound) ?? 0) + grown(series));
  }
  const routes = [...perRoute]
    .filter(([, count]) => count > 0)
    .map(([route, count]) => ({ route, perSecond: count / seconds }))
    .sort((a, b) => b.perSecond - a.perSecond || (a.route < b.route ? -1 : 1));
  const bounds = [...perBound].sort(([a], [b]) => a - b);
  return {
    cpuPercent: (grown("process_cpu_seconds_total") / seconds) * 100,
    memoryBytes: after.get("process_resident_memory_bytes") ?? 0,
    requestsPerSecond: routes.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p50Ms: quantile(bounds, 0.5),
    p99Ms: quantile(bounds, 0.99),
    routes,
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
