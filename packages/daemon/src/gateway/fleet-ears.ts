/** Who hears what workers tell, besides the fleet itself. `worker` is the same for all that one of them tells. */
import type { L4Counters, L4Entry } from "@skerry/core/gateway/l4/entry.ts";
import type { RouteNews } from "@skerry/core/gateway/proxy/route-counts.ts";
import type { BackendConditions } from "@skerry/core/gateway/upstreams/conditions.ts";
import type { UpstreamCounters } from "@skerry/core/gateway/upstreams/state.ts";

/** What the fleet knows of routes below HTTP, and tells of them. */
export interface FleetL4 {
  readonly entries: () => readonly L4Entry[];
  readonly ports: () => readonly string[];
  readonly onPort: (port: string, code: string) => void;
  /** What a worker has carried since its start. */
  readonly onCounters: (worker: object, counters: Readonly<Record<string, L4Counters>>) => void;
  /** It has ended: it tells no more. */
  readonly onGone: (worker: object) => void;
}

/** Of backends of upstreams. */
export interface FleetUpstreams {
  readonly onCounters: (worker: object, counters: UpstreamCounters) => void;
  readonly onGone: (worker: object) => void;
}

/** How backends are. */
export interface FleetConditions {
  /** All that are not quite ready, as a worker finds them now. */
  readonly onConditions: (worker: object, pid: number | undefined, conditions: BackendConditions) => void;
  readonly onGone: (worker: object) => void;
}

/** Of routes of HTTP. */
export interface FleetRoutes {
  /** What came to their counts since the worker last told. */
  readonly onNews: (worker: object, news: Readonly<Record<string, RouteNews>>) => void;
  readonly onGone: (worker: object) => void;
}
