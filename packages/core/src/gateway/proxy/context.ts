/** What the parts of one proxy share. */
import type { LIMITS } from "../../domain/limits.ts";
import type { Random } from "../../domain/ports.ts";
import type { ActionLimits } from "../actions/action-limits.ts";
import type { CommonCache } from "../actions/cache/between-workers/common-cache.ts";
import type { ActionState } from "../actions/state.ts";
import type { Admission } from "../guard/admission.ts";
import type { Flusher } from "../http2/flusher.ts";
import type { RouteTable } from "../routing/route-table.ts";
import type { Splits } from "../split/splitter.ts";
import type { Deadlines } from "./deadlines.ts";
import type { GuardOptions, Guards } from "./guarded.ts";
import type { KeptBytes } from "./kept-body.ts";
import type { Names, Resolve } from "./names.ts";
import type { ProxyStats, RequestRecord } from "./records.ts";
import type { RouteRepeating } from "./repeating.ts";
import type { RouteCounts } from "./route-counts.ts";
import type { RouteTimes } from "./times.ts";

export type ProxyLimits = { readonly [K in keyof typeof LIMITS.proxy]: number };
export type Http2Limits = { readonly [K in keyof typeof LIMITS.http2]: number };

export interface ProxyOptions {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  readonly random: Random;
  readonly limits: ProxyLimits;
  /** Default: `LIMITS.http2`. */
  readonly http2?: Http2Limits;
  /**
   * For routes whose reach is `restricted`: true for addresses of this machine and of its container networks. Loopback,
   * link-local, unspecified and multicast addresses are refused anyway. Asked at each connect, with an IP address.
   */
  readonly isOwnAddress: (ip: string) => boolean;
  /** Once for each request that has ended. Must not throw. */
  readonly onRequest: (record: RequestRecord) => void;
  /** Now and then while something happens, and once after it. */
  readonly onSweep?: () => void;
  /** Who may come in, and how much. */
  readonly guards?: GuardOptions;
  /** Tickets are signed with it; absent: no answer says which route has decided. */
  readonly explainKey?: Buffer;
  /** Instead of `LIMITS.actions`. For tests. */
  readonly actionLimits?: Partial<ActionLimits>;
  /** What other workers share of the answers that are kept. Absent: there are none. */
  readonly commonCache?: CommonCache;
  /** Of HTTPS, as clients reach it. Default: 443. */
  readonly httpsPort?: () => number;
  /** Addresses of a name, as the system resolves it. For tests. */
  readonly resolve?: Resolve;
  /** Certificates that https upstreams are verified with besides the system's. */
  readonly upstreamCa?: readonly string[];
}

export interface Context {
  readonly options: ProxyOptions;
  readonly guards: Guards;
  readonly admission: Admission;
  readonly limits: ProxyLimits;
  readonly stats: ProxyStats;
  readonly counts: RouteCounts;
  readonly times: RouteTimes;
  readonly repeating: RouteRepeating;
  readonly splits: Splits;
  readonly kept: KeptBytes;
  readonly deadlines: Deadlines;
  readonly names: Names;
  /** Of the routes' actions. */
  readonly acts: ActionState;
  readonly http2: Http2Limits;
  /** Of all HTTP/2 connections. */
  readonly flusher: Flusher;
  table: RouteTable;
  isDraining: boolean;
  /** Monotonic time of the last sweep: near enough for deadlines, and free. Reading it keeps the sweeps going. */
  readonly coarseMs: number;
  /** All plain connections read into it, one after another: it stays in the processor's cache. */
  readonly readBuffer: Buffer;
  /** The beginning of it. */
  readonly smallReadBuffer: Buffer;
  readonly nextRequestId: () => string;
  /** The header Date of this second. */
  readonly dateLine: () => string;
}
