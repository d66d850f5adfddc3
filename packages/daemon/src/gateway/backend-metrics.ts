/** What is known of the backends of upstreams, as metrics: by the upstream's uid and the backend's name. */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Family, Metrics } from "@skerry/core/domain/telemetry.ts";
import type { UpstreamResource } from "@skerry/core/domain/upstreams.ts";
import type { Backend } from "@skerry/core/gateway/table.ts";
import type { Condition } from "@skerry/core/gateway/upstreams/guard.ts";
import type { FoundConditions } from "./backend-conditions.ts";
import type { BackendTraffic, UpstreamCounts } from "./upstream-counts.ts";

/** How workers find a backend. */
export const STATES = ["ready", "starting", "half-open", "ejected", "open", "unhealthy", "draining"] as const;
export type BackendState = (typeof STATES)[number];
/** Those in which it gets requests. */
const UP: ReadonlySet<BackendState> = new Set<Condition>(["ready", "starting", "half-open"]);

export interface BackendRow {
  /** Uid. */
  readonly upstream: string;
  readonly backend: string;
  /** Absent: nobody has told of it. */
  readonly traffic: BackendTraffic | undefined;
  /** Workers that find it so. */
  readonly workers: Readonly<Partial<Record<BackendState, number>>>;
}

interface Known {
  readonly upstreams: Iterable<UpstreamResource>;
  /** What each backend is compiled to; text: why it leads nowhere. */
  readonly compiled: (upstream: UpstreamResource) => readonly (Backend | string)[];
  readonly counts: Pick<UpstreamCounts, "of">;
  readonly conditions: Pick<FoundConditions, "statesOf">;
  /** How many there are. */
  readonly workers: number;
}

/** Of all backends that are declared. */
export function backendRows({ upstreams, compiled, counts, conditions, workers }: Known): BackendRow[] {
  return [...upstreams].flatMap((upstream) => {
    const { meta, spec } = upstream;
    const places = compiled(upstream);
    return spec.backends.map(({ name, drain }, at): BackendRow => {
      const row = { upstream: meta.uid, backend: name, traffic: counts.of(meta.uid, name) };
      if (drain) return { ...row, workers: { draining: workers } };
      const leads = typeof places[at] === "object";
      return { ...row, workers: leads ? conditions.statesOf(meta.uid, name, workers) : {} };
    });
  });
}

/** `read` gives all backends that are declared, in an order that stays: the first ones have rows of their own. */
export function addBackendMetrics(metrics: Metrics, read: () => readonly BackendRow[]): void {
  const most = LIMITS.metrics.maxLabelSets;
  // All families are read in one turn of the loop.
  let known: readonly BackendRow[] | undefined;
  const all = () => {
    if (known !== undefined) return known;
    known = read();
    setImmediate(() => {
      known = undefined;
    });
    return known;
  };
  const family = (
    kind: "counter" | "gauge",
    name: string,
    help: string,
    label: string | undefined,
    of: (row: BackendRow) => Iterable<readonly [string, number]>,
  ) => {
    const labels = ["upstream", "backend", ...(label === undefined ? [] : [label])];
    const rows = (): Family =>
      all().flatMap((row, at) => {
        const own = at < most ? { upstream: row.upstream, backend: row.backend } : OTHER;
        return [...of(row)].map(([value, count]) => [label === undefined ? own : { ...own, [label]: value }, count]);
      });
    metrics.family(kind, `skerry_gateway_backend_${name}`, help, labels, rows, (most + 1) * MAX_VALUES);
  };
  const counter = (name: string, help: string, of: (traffic: BackendTraffic) => number) =>
    family("counter", `${name}_total`, help, undefined, ({ traffic }) => [
      ["", traffic === undefined ? 0 : of(traffic)],
    ]);
  counter("requests", "Requests that have chosen a backend.", ({ requests }) => requests);
  counter("errors", "Of them, those that got no answer, or not all of it.", ({ failures }) => failures);
  counter("connect_failures", "Connections that could not be made.", (traffic) => traffic.connectFailures);
  counter("breaker_opens", "Times that its breaker has opened.", (traffic) => traffic.breakerOpens);
  counter("ejections", "Times that it was left out because it failed.", ({ ejections }) => ejections);
  const checks = "Health checks of a backend.";
  family("counter", "health_checks_total", checks, "result", ({ traffic }) => [
    ["passed", traffic?.checksPassed ?? 0],
    ["failed", traffic?.checksFailed ?? 0],
  ]);
  family("gauge", "requests_in_flight", "Requests that a backend has now.", undefined, ({ traffic }) => [
    ["", traffic?.inFlight ?? 0],
  ]);
  const connections = "Connections to a backend's address, which backends of other upstreams may share.";
  family("gauge", "connections", connections, "state", ({ traffic }) => [
    ["busy", (traffic?.connections ?? 0) - (traffic?.idleConnections ?? 0)],
    ["idle", traffic?.idleConnections ?? 0],
  ]);
  const time = "Response time of a backend, of the last requests most; 0: not known.";
  family("gauge", "response_seconds", time, undefined, ({ traffic }) => [["", (traffic?.ewmaMs ?? 0) / 1000]]);
  family("gauge", "workers", "Workers that find a backend in this state.", "state", ({ workers }) =>
    STATES.map((state) => [state, workers[state] ?? 0]),
  );
  family("gauge", "up", "1: a backend gets requests from one worker at least.", undefined, ({ workers }) => [
    ["", STATES.some((state) => UP.has(state) && (workers[state] ?? 0) > 0) ? 1 : 0],
  ]);
}

const OTHER = { upstream: "other", backend: "other" };
/** Of the label that a backend has besides. */
const MAX_VALUES = STATES.length;
