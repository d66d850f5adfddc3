/** What the proxy tells about its work. */
import type { ErrorId } from "../../domain/errors.ts";
import { type CacheResult, emptyCacheResults } from "../actions/state.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { emptyHttp2Counts, type Http2Counts } from "../http2/counts.ts";
import { emptyHandshakeCounts, type HandshakeCounts } from "../tls/handshake-counts.ts";
import type { Peer } from "../tls/peer.ts";
import { LATENCY_MS, latencyBucketOf } from "./latency.ts";
import type { RouteCount } from "./route-counts.ts";

export interface RequestRecord {
  readonly id: string;
  /** Uid of the route; undefined when none was found. */
  readonly routeId: string | undefined;
  /** Of a route that is split: which it got. */
  readonly variant?: string | undefined;
  /** Address of the client. */
  readonly client: string;
  readonly protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";
  /** `TLSv1.3`; undefined without TLS. */
  readonly tls: string | undefined;
  readonly method: string;
  readonly host: string;
  /** Without the query, which may hold secrets. */
  readonly path: string;
  /** As the client saw it; 0 when it went away before the answer. */
  readonly status: number;
  readonly durationMs: number;
  /** From the upstream's connection to the head of its answer; undefined when there was none. */
  readonly upstreamMs: number | undefined;
  /** Bytes of the request's body as they were passed on, and of the whole answer. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** For the log only, never for a client. */
  readonly upstream: string | undefined;
  /** Times that backends were asked; 0: none was. */
  readonly attempts: number;
  /** Of them, those beside another that was slow. */
  readonly hedges: number;
  /** Why it is no answer of the upstream, or not all of it. */
  readonly error: ErrorId | "aborted" | undefined;
}

/** Plain numbers since the start: they cross the control pipe as JSON. */
export interface ProxyStats {
  /** Client connections that are open, and all that ever were. */
  connections: number;
  connectionsTotal: number;
  /** Connections that were closed at once because there were too many. */
  connectionsRefused: number;
  requests: number;
  inFlight: number;
  /** Of them: WebSockets; and all that ever were. */
  tunnels: number;
  tunnelsTotal: number;
  /** Requests that were refused because there was too much to do. */
  shed: number;
  /** Answers by the first digit of their status: index 1 to 5; 0 counts clients that went away before. */
  byClass: number[];
  /** Attempts at upstreams that failed. */
  upstreamErrors: number;
  upstreamConnections: number;
  /** Circles of consistent hashing that were made. */
  ringBuilds: number;
  /** Questions to backends whether they are well. */
  probes: number;
  /** Requests that were sent again, and those that were not because the budget was used up. */
  retries: number;
  retriesRefused: number;
  /** Requests that were sent to another backend besides, because the first one was slow; of them, whose answer came first. */
  hedges: number;
  hedgesWon: number;
  /** And those that were not because the budget was used up. */
  hedgesRefused: number;
  /** Bytes of bodies from clients, and of answers to them, of requests that have ended. */
  bytesIn: number;
  bytesOut: number;
  /** Counts by LATENCY_MS, not cumulative; without tunnels, whose hours are no latency. */
  latency: number[];
  latencySumMs: number;
  /** Requests by why they got no whole answer of their upstream; as the access log says it. */
  errors: Record<string, number>;
  /** Requests that were sent again because the kept connection that they were sent on was dead. */
  resent: number;
  http2: Record<Http2Side, Http2Counts>;
  /** Bytes of answers that were compressed, before and after. */
  compressedIn: number;
  compressedOut: number;
  /** Of routes that keep answers. */
  cacheResults: Record<CacheResult, number>;
  cacheEvictions: number;
  /** In the memory of the worker. */
  cacheBytes: number;
  cacheEntries: number;
  /** Files of kept answers that could not be read or written, or were torn. */
  cacheFailures: number;
  /** What part of requests is refused because there is too much to do: 0 to 2, see `Admission`. */
  pressure: number;
  /** Handshakes with clients. */
  tls: HandshakeCounts;
  /** Lines of the access log that were lost. */
  accessLogDropped: number;
  /** Of a processor, that the worker has used. */
  cpuSeconds: number;
}

/** Who is at the other end of a connection of HTTP/2. */
export const HTTP2_SIDES = ["client", "upstream"] as const;
type Http2Side = (typeof HTTP2_SIDES)[number];

export function emptyStats(): ProxyStats {
  return {
    connections: 0,
    connectionsTotal: 0,
    connectionsRefused: 0,
    requests: 0,
    inFlight: 0,
    tunnels: 0,
    tunnelsTotal: 0,
    shed: 0,
    byClass: [0, 0, 0, 0, 0, 0],
    upstreamErrors: 0,
    upstreamConnections: 0,
    ringBuilds: 0,
    probes: 0,
    retries: 0,
    retriesRefused: 0,
    hedges: 0,
    hedgesWon: 0,
    hedgesRefused: 0,
    bytesIn: 0,
    bytesOut: 0,
    latency: new Array(LATENCY_MS.length + 1).fill(0),
    latencySumMs: 0,
    errors: {},
    resent: 0,
    http2: { client: emptyHttp2Counts(), upstream: emptyHttp2Counts() },
    compressedIn: 0,
    compressedOut: 0,
    cacheResults: emptyCacheResults(),
    cacheEvictions: 0,
    cacheBytes: 0,
    cacheEntries: 0,
    cacheFailures: 0,
    pressure: 0,
    tls: emptyHandshakeCounts(),
    accessLogDropped: 0,
    cpuSeconds: 0,
  };
}

/** `bucket`: of `LATENCY_MS`. */
export function countRequest(
  stats: ProxyStats,
  record: RequestRecord,
  bucket = latencyBucketOf(record.durationMs),
): void {
  const digit = Math.floor(record.status / 100);
  stats.byClass[digit] = (stats.byClass[digit] ?? 0) + 1;
  stats.bytesIn += record.bytesIn;
  stats.bytesOut += record.bytesOut;
  const { error } = record;
  if (error !== undefined) stats.errors[error] = (stats.errors[error] ?? 0) + 1;
  if (record.status === 101) return;
  stats.latencySumMs += record.durationMs;
  stats.latency[bucket] = (stats.latency[bucket] ?? 0) + 1;
}

/** Where requests are counted and told. */
interface Book {
  readonly stats: ProxyStats;
  readonly options: { readonly onRequest: (record: RequestRecord) => void };
}

type Measured = Omit<RequestRecord, "id" | "client" | "protocol" | "tls" | "method" | "host" | "path">;

/** A request that was in flight has ended. */
export function recordEnd(
  { stats, options }: Book,
  { id, head }: { readonly id: string; readonly head: RequestHead },
  peer: Peer,
  count: RouteCount | undefined,
  variantCount: RouteCount | undefined,
  { routeId, variant, status, durationMs, upstreamMs, bytesIn, bytesOut, upstream, attempts, hedges, error }: Measured,
): void {
  const query = head.target.indexOf("?");
  const record: RequestRecord = {
    id,
    routeId,
    variant,
    client: peer.address,
    protocol: head.isHttp10 ? "HTTP/1.0" : peer.protocol,
    tls: peer.tls,
    method: head.method,
    host: head.host,
    path: query < 0 ? head.target : head.target.slice(0, query),
    status,
    durationMs,
    upstreamMs,
    bytesIn,
    bytesOut,
    upstream,
    attempts,
    hedges,
    error,
  };
  stats.inFlight--;
  const bucket = latencyBucketOf(durationMs);
  count?.end(record, bucket);
  variantCount?.end(record, bucket);
  countRequest(stats, record, bucket);
  options.onRequest(record);
}

/** What could not be read as a request, and the answer that it got. */
export function recordRefusal(
  { stats, options }: Book,
  refused: Pick<RequestRecord, "id" | "status" | "bytesOut" | "error"> & { readonly peer: Peer },
): void {
  const { peer, ...rest } = refused;
  const record: RequestRecord = {
    ...{
      ...rest,
      client: peer.address,
      protocol: peer.protocol,
      tls: peer.tls,
      routeId: undefined,
      variant: undefined,
    },
    ...{ method: "", host: "", path: "", durationMs: 0, upstreamMs: undefined, bytesIn: 0, upstream: undefined },
    ...{ attempts: 0, hedges: 0 },
  };
  stats.requests++;
  countRequest(stats, record);
  options.onRequest(record);
}
