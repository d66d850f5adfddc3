/** What each route of the gateway has served between two readings of /metrics. Pure. */
export interface RouteTraffic {
  /** Its uid, or its name where that is known; `other`: all those beyond the most that the metrics tell apart. */
  readonly route: string;
  /** Uid of its project, and its own, where its name is known. */
  readonly project?: string;
  readonly uid?: string;
  readonly perSecond: number;
  /** Answers with a status from 500. */
  readonly errorsPerSecond: number;
  /** Undefined: nothing has ended, but tunnels. At most 5 % off, up to 10 s; what is slower counts as that. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

const REQUESTS = /^skerry_gateway_route_requests_total\{route="([^"]*)",class="([^"]*)"\}$/;
const DURATIONS = /^skerry_gateway_route_request_duration_seconds_bucket\{route="([^"]*)",le="([^"]*)"\}$/;

interface Grown {
  requests: number;
  errors: number;
  /** What has ended within each bound, in s; in rising order. */
  readonly within: [bound: number, count: number][];
}

/** Those with requests, the busiest first. `after`: series of the later one; `grown`: what a series has grown by. */
export function routeTraffic(
  after: ReadonlyMap<string, number>,
  grown: (series: string) => number,
  seconds: number,
): RouteTraffic[] {
  const routes = new Map<string, Grown>();
  const of = (uid: string): Grown => {
    const known = routes.get(uid) ?? { requests: 0, errors: 0, within: [] };
    routes.set(uid, known);
    return known;
  };
  for (const series of after.keys()) {
    if (!series.startsWith("skerry_gateway_route_request")) continue;
    const [, uid = "", kind = ""] = REQUESTS.exec(series) ?? DURATIONS.exec(series) ?? [];
    if (series.startsWith("skerry_gateway_route_requests_total{")) {
      of(uid).requests += grown(series);
      if (kind === "5xx") of(uid).errors += grown(series);
    } else if (series.startsWith("skerry_gateway_route_request_duration_seconds_bucket{")) {
      of(uid).within.push([kind === "+Inf" ? Number.POSITIVE_INFINITY : Number(kind), grown(series)]);
    }
  }
  return [...routes]
    .filter(([, { requests }]) => requests > 0)
    .map(([route, { requests, errors, within }]) => ({
      ...{ route, perSecond: requests / seconds, errorsPerSecond: errors / seconds },
      ...{ p50Ms: quantile(within, 0.5), p95Ms: quantile(within, 0.95), p99Ms: quantile(within, 0.99) },
    }))
    .sort((a, b) => b.perSecond - a.perSecond || (a.route < b.route ? -1 : 1));
}

/** The middle of the bucket that has it: each bound is a tenth above the one before. */
function quantile(within: Grown["within"], q: number): number | undefined {
  const all = within.at(-1)?.[1] ?? 0;
  if (all === 0) return undefined;
  let lower = 0;
  for (const [upper, count] of within) {
    if (count >= Math.ceil(q * all)) {
      if (!Number.isFinite(upper)) break;
      return Math.sqrt((lower === 0 ? upper : lower) * upper) * 1000;
    }
    lower = upper;
  }
  return lower * 1000;
}
