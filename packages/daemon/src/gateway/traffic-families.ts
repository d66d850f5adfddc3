/** The metrics that are made of what workers tell of themselves: names without `skerry_gateway_`, and where each comes from. */
import { CACHE_RESULTS } from "@skerry/core/gateway/actions/state.ts";
import { CODE_NAMES } from "@skerry/core/gateway/http2/counts.ts";
import { HTTP2_SIDES, type ProxyStats } from "@skerry/core/gateway/proxy/records.ts";
import { HANDSHAKE_FAILURES } from "@skerry/core/gateway/tls/handshake-counts.ts";

export const CLASSES = ["aborted", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

type Value = (stats: ProxyStats) => number;
/** Label values, in the order of the labels' names, and the number. */
export type Row = readonly [values: readonly string[], count: number];
type Rows = (stats: ProxyStats) => readonly Row[];

/** `_total` is added. */
export const COUNTERS: readonly (readonly [name: string, help: string, of: Value])[] = [
  ["connections", "Connections of clients.", (stats) => stats.connectionsTotal],
  ["refused_connections", "Connections closed at once: too many.", (stats) => stats.connectionsRefused],
  ["shed_requests", "Requests refused because there was too much to do.", (stats) => stats.shed],
  ["upstream_errors", "Attempts at upstreams that failed.", (stats) => stats.upstreamErrors],
  ["hash_rings", "Circles of consistent hashing that were made.", (stats) => stats.ringBuilds],
  ["health_probes", "Health checks of backends.", (stats) => stats.probes],
  ["retries", "Requests that were sent to an upstream again.", (stats) => stats.retries],
  ["retries_refused", "Requests that were not: the budget was used up.", (stats) => stats.retriesRefused],
  ["hedges", "Requests that went to a second backend because the first was slow.", (stats) => stats.hedges],
  ["hedges_won", "Of them, those whose answer came first.", (stats) => stats.hedgesWon],
  ["hedges_refused", "Requests that did not: the budget was used up.", (stats) => stats.hedgesRefused],
  ["resent_requests", "Requests that were sent again because a kept connection was dead.", (stats) => stats.resent],
  ["received_bytes", "Bytes of requests.", (stats) => stats.bytesIn],
  ["sent_bytes", "Bytes of answers.", (stats) => stats.bytesOut],
  ["websockets", "WebSockets that were opened.", (stats) => stats.tunnelsTotal],
  ["compression_input_bytes", "Bytes of answers that were compressed.", (stats) => stats.compressedIn],
  ["compression_output_bytes", "What they were compressed to.", (stats) => stats.compressedOut],
  ["cache_evictions", "Answers that went because others needed their room.", (stats) => stats.cacheEvictions],
  ["cache_failures", "Files of kept answers that could not be used.", (stats) => stats.cacheFailures],
  ["access_log_dropped_lines", "Lines of the access log that were lost.", (stats) => stats.accessLogDropped],
  ["worker_cpu_seconds", "Time of a processor that workers have used, while they had something to tell.", cpuSeconds],
];

function cpuSeconds(stats: ProxyStats): number {
  return stats.cpuSeconds;
}

/** `_total` is added. What has never happened has no row. */
export const LABELLED_COUNTERS: readonly (readonly [
  name: string,
  help: string,
  labels: readonly string[],
  of: Rows,
])[] = [
  ["requests", "Answers to clients, by class.", ["class"], ({ byClass }) => named(CLASSES, byClass)],
  [
    "errors",
    "Requests that got no whole answer of their upstream, by why; those that a limit refused, too.",
    ["reason"],
    ({ errors }) => Object.entries(errors).map(([reason, count]) => [[reason], count]),
  ],
  [
    "cache_requests",
    "Requests of routes that keep answers, by what became of them.",
    ["result"],
    ({ cacheResults }) => CACHE_RESULTS.map((result): Row => [[result], cacheResults[result]]),
  ],
  [
    "tls_handshakes",
    "TLS handshakes with clients.",
    ["version", "session"],
    ({ tls: { made } }) =>
      Object.entries(made).flatMap(([version, [full, resumed]]): Row[] => [
        [[version, "new"], full],
        [[version, "resumed"], resumed],
      ]),
  ],
  [
    "tls_handshake_failures",
    "TLS handshakes with clients that came to nothing.",
    ["reason"],
    ({ tls: { failed } }) => HANDSHAKE_FAILURES.map((why): Row => [[why], failed[why]]),
  ],
  [
    "http2_connections",
    "Connections of HTTP/2, by who is at the other end.",
    ["side"],
    ({ http2 }) => HTTP2_SIDES.map((side): Row => [[side], http2[side].connectionsTotal]),
  ],
  [
    "http2_streams",
    "Streams of HTTP/2, by who is at the other end.",
    ["side"],
    ({ http2 }) => HTTP2_SIDES.map((side): Row => [[side], http2[side].streamsTotal]),
  ],
  [
    "http2_resets",
    "RST_STREAM frames, by the error that they say.",
    ["side", "direction", "code"],
    ({ http2 }) =>
      HTTP2_SIDES.flatMap((side) => [
        ...named(CODE_NAMES, http2[side].resetsReceived, side, "received"),
        ...named(CODE_NAMES, http2[side].resetsSent, side, "sent"),
      ]),
  ],
  [
    "http2_goaways",
    "GOAWAY frames, by the error that they say.",
    ["side", "direction", "code"],
    ({ http2 }) =>
      HTTP2_SIDES.flatMap((side) => [
        ...named(CODE_NAMES, http2[side].goAwaysReceived, side, "received"),
        ...named(CODE_NAMES, http2[side].goAwaysSent, side, "sent"),
      ]),
  ],
];

/** Of the workers that live, added up. */
export const GAUGES: readonly (readonly [name: string, help: string, of: Value])[] = [
  ["connections", "Connections of clients that are open.", (stats) => stats.connections],
  ["upstream_connections", "Connections to upstreams that are open.", (stats) => stats.upstreamConnections],
  ["requests_in_flight", "Requests that are being served.", (stats) => stats.inFlight],
  ["websockets", "WebSockets that are open.", (stats) => stats.tunnels],
  ["cache_bytes", "Bytes of answers that are kept in the memory of workers.", (stats) => stats.cacheBytes],
  ["cache_entries", "Answers that are.", (stats) => stats.cacheEntries],
  ["http2_client_connections", "Connections of HTTP/2 clients that are open.", ({ http2 }) => http2.client.connections],
  ["http2_client_streams", "Requests on them.", ({ http2 }) => http2.client.streams],
  ["http2_upstream_connections", "Open connections to HTTP/2 upstreams.", ({ http2 }) => http2.upstream.connections],
  ["http2_upstream_streams", "Requests on them.", ({ http2 }) => http2.upstream.streams],
];

/** Of the worker that has most of it. */
export const MOST_GAUGES: typeof GAUGES = [
  [
    "shed_pressure",
    "What one worker refuses because there is too much to do: 0.5 is all of low priority and half of the normal requests, 2 all.",
    (stats) => stats.pressure,
  ],
];

function named(names: readonly string[], counts: readonly number[], ...before: readonly string[]): Row[] {
  return names.map((name, at) => [[...before, name], counts[at] ?? 0]);
}
