/** What daemon and gateway workers say to each other over the control pipe (JSON). A worker ends when the pipe closes. */

import type { KeyedCertificate } from "../domain/certificates.ts";
import type { ErrorId } from "../domain/errors.ts";
import type { AccessLogPlace } from "./access/access-log.ts";
import type { CommonPlace } from "./actions/cache/between-workers/common-files.ts";
import type { EncodedList } from "./guard/network-lists.ts";
import type { L4Counters, L4Entry } from "./l4/entry.ts";
import type { ProxyStats, RequestRecord } from "./proxy/records.ts";
import type { RouteNews } from "./proxy/route-counts.ts";
import type { TableEntry } from "./table.ts";
import type { ClientTerms } from "./tls/peer.ts";
import type { TlsVersion } from "./tls/rules.ts";
import type { BackendConditions } from "./upstreams/conditions.ts";
import type { UpstreamCounters } from "./upstreams/state.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface Certificate extends KeyedCertificate {
  /** OCSP response that is sent along, DER in base64. */
  readonly ocsp?: string;
}

/** The daemon's answer for a name. */
export interface GivenCertificate extends Certificate {
  /** It may be shown for so long. Absent: until another one comes. */
  readonly forMs?: number;
  /** Of a wildcard: names below it that have certificates of their own. */
  readonly apart?: readonly string[];
  /** Absent: clients are asked for no certificate. */
  readonly clients?: ClientTerms;
}

export type ToWorker =
  /** The first message. Port 0: any free one. */
  | {
      readonly type: "start";
      readonly http: HostPort;
      readonly https: HostPort;
      readonly generation: number;
      readonly entries: readonly TableEntry[];
      readonly l4: readonly L4Entry[];
      /** Networks that routes name; each once. */
      readonly lists: readonly EncodedList[];
      /** Those of routes below HTTP, at the address of `http`: `tcp/5432`. */
      readonly ports: readonly string[];
      /** Networks whose connections begin with the PROXY protocol. */
      readonly announcers: readonly string[];
      /** Networks that routes of restricted reach must not lead to, besides those that are guarded anyway; `10.199.0.0/16`. */
      readonly guarded: readonly string[];
      /** Absent: no request is logged. As `AccessLog` takes it. */
      readonly accessLog?: AccessLogPlace & { readonly share: number };
      /** Where answers are kept that all workers share. Absent: each keeps its own. */
      readonly cache?: CommonPlace;
      /** Base64: what tickets are signed with (routing/ticket.ts). Absent: none is taken. */
      readonly explainKey?: string | undefined;
      /** Base64: under which keys of rates are hashed. */
      readonly rateSecret: string;
      /** How many workers there are: what is spent of rates is told to the others. */
      readonly workers: number;
      /** Base64: the same for all workers, so that each resumes the TLS sessions of the others. */
      readonly ticketSecret: string;
      /** The oldest version of TLS that clients may use. */
      readonly tlsMinVersion: TlsVersion;
    }
  | {
      readonly type: "delta";
      readonly generation: number;
      readonly put: readonly TableEntry[];
      readonly putL4: readonly L4Entry[];
      readonly remove: readonly string[];
      /** Networks that routes name: those that are others now, and uids of those that are gone. */
      readonly putLists?: readonly EncodedList[];
      readonly removeLists?: readonly string[];
      /** All that are to be listened on from now on; absent: the same as before. */
      readonly ports?: readonly string[];
      /** What is kept of a route's answers goes; of a path only, as `ResponseCache.purge` takes it. */
      readonly purge?: { readonly route: string; readonly path?: string };
      /** Host names whose certificates are asked for anew; a wildcard stands for all below it, too. */
      readonly forget?: readonly string[];
    }
  /** What another worker has spent of rates, see `RateTable.takeSpent`. */
  | { readonly type: "spent"; readonly spent: readonly number[] }
  /** To be answered by `pong`: a worker that hangs is replaced. */
  | { readonly type: "ping" }
  /** The answer to `certificate`; without one the handshake gets the default one, and is refused when that is missing. */
  | { readonly type: "certificate"; readonly host: string; readonly certificate?: GivenCertificate }
  /** Finish what is under way, then end. */
  | { readonly type: "drain"; readonly withinMs: number };

export type FromWorker =
  | { readonly type: "listening"; readonly httpPort: number; readonly httpsPort: number }
  /** It cannot listen: nothing is served. */
  | { readonly type: "failed"; readonly what: "http" | "https"; readonly code: string }
  /** This Node is another than it was made for, or this machine lets it not see whether it is. */
  | { readonly type: "unsupported"; readonly id: ErrorId; readonly message: string; readonly hint: string }
  | { readonly type: "running"; readonly generation: number }
  /** It runs all of the generation but these routes (why, by uid), which are as they were before. Told before `running`. */
  | { readonly type: "refused"; readonly generation: number; readonly routes: Readonly<Record<string, string>> }
  /** It cannot listen on this port of routes. */
  | { readonly type: "port"; readonly port: string; readonly code: string }
  /** What routes below HTTP have carried in it since its start, by uid: those that changed since it last told. */
  | { readonly type: "l4"; readonly counters: Readonly<Record<string, L4Counters>> }
  /** What is known of backends of upstreams: those that changed since it last told, some of many. */
  | { readonly type: "upstreams"; readonly counters: UpstreamCounters }
  /** What came to the counts of routes since it last told, by uid; some of many. */
  | { readonly type: "routes"; readonly news: Readonly<Record<string, RouteNews>> }
  | { readonly type: "pong" }
  /** How backends are now: all that are not quite ready; sent when it changes. */
  | { readonly type: "backends"; readonly conditions: BackendConditions }
  /** What it has spent of rates: for the others. */
  | { readonly type: "spent"; readonly spent: readonly number[] }
  /** Asks for the certificate of a host of routes, or a name below a wildcard; `""`: the default one. */
  | { readonly type: "certificate"; readonly host: string }
  /** Since its start; sent while they change. */
  | { readonly type: "stats"; readonly stats: ProxyStats }
  /** A request that got no answer of its upstream; some of many. */
  | { readonly type: "failure"; readonly record: RequestRecord }
  | { readonly type: "error"; readonly text: string };
