/** What a gateway worker knows: compiled routes and nothing else. Plain data: it crosses the control pipe as JSON. */
import type { KeyedCertificate } from "../domain/certificates.ts";
import type { UpstreamProtocol } from "../domain/gateway.ts";
import type { RouteActions } from "../domain/route-actions.ts";
import type { Delivery } from "../domain/route-delivery.ts";
import type { RouteLimits, RoutePriority } from "../domain/route-limits.ts";
import type { RouteMatch } from "../domain/route-match.ts";
import type { UpstreamCare } from "../domain/upstream-care.ts";
import type { Balance, StickySpec } from "../domain/upstreams.ts";
import type { CompiledAccess } from "./guard/access.ts";
import type { ClientRule } from "./tls/peer.ts";

export interface TableEntry extends Delivery {
  /** Uid of the route; for logs and to say which route decided. */
  readonly id: string;
  /** Of the route; decides between two that are alike in all else (absent: the id does), and stands in the access log. */
  readonly name?: string;
  /** Uid of the route's project: who may read its routes may be told which one has answered. Absent: nobody is. */
  readonly project?: string;
  /** Lower case, without a port: `app.example.com`, or `*.example.com` (any one or more labels in front). */
  readonly host: string;
  /**
   * Prefix that matches at segment boundaries: `/` everything, `/api` matches `/api` and `/api/x`, not `/apix`; unless
   * `match` says that it is something else.
   */
  readonly path: string;
  /** What else a request must have. Absent: nothing. */
  readonly match?: RouteMatch;
  readonly upstream: Upstream;
  /** Requests are split: `upstream` has no backends, but for a variant's own entry (split/splitter.ts). */
  readonly split?: SplitRule;
  /** Which of a split it is. */
  readonly variant?: VariantPlace;
  /** Clients show a certificate. */
  readonly clientTls?: ClientRule;
  /** What is done besides passing on, or instead. */
  readonly actions?: RouteActions;
  /** Who may come in, and how often. Absent: everybody. */
  readonly guard?: Guard;
}

export interface SplitRule {
  readonly variants: readonly { readonly name: string; readonly weight: number; readonly upstream: Upstream }[];
  /** Absent: each request is for itself. */
  readonly sticky?: StickyRule;
  /** The gateway looks after the weights. */
  readonly isMoving?: true;
}

export interface VariantPlace {
  readonly name: string;
  readonly sticky: StickyRule | undefined;
  /** Of the cookie with which clients come back to it. */
  readonly stickyValue: string | undefined;
}

export interface Guard {
  readonly access?: CompiledAccess;
  readonly limits?: RouteLimits;
  /** Absent: normal. */
  readonly priority?: RoutePriority;
}

export interface Upstream {
  /** Uid of the upstream, or of the route that leads to one place itself. What is known of backends is kept under it. */
  readonly id?: string;
  /** Empty: 502 `unavailable/upstream`; `reason` is for who may read the route. */
  readonly backends: readonly Backend[];
  /** Why there are none, for the answer; e.g. `container web is not running`. */
  readonly reason?: string;
  /**
   * `restricted`: after resolution, at each connect, loopback, link-local, unspecified, multicast, this machine's own
   * addresses and the container networks are refused (403 `forbidden/upstream`). `any`: nothing is.
   */
  readonly reach: "any" | "restricted";
  /** Absent: in turn. */
  readonly balance?: Balance;
  /** Absent: each request is for itself. */
  readonly sticky?: StickyRule;
  /** Absent: nothing is done about backends that fail. */
  readonly care?: UpstreamCare;
}

/** What only a backend of several has. */
interface BackendPlace {
  /** Its own within the upstream. Absent: it is the only one. */
  readonly name?: string;
  /** Absent: 1. */
  readonly weight?: number;
  /** It gets no new requests. */
  readonly drain?: true;
  /** Absent: as the upstream's. */
  readonly reach?: Upstream["reach"];
}

export type Backend = BackendPlace & (TcpPlace | UnixPlace);

interface TcpPlace {
  readonly kind: "tcp";
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /**
   * What is spoken: `h2` on a plain connection without being asked first; `auto`, the default, is what the server chooses
   * in the TLS handshake, and HTTP/1.1 on a plain connection.
   */
  readonly protocol?: UpstreamProtocol;
  /** Put before the request's target; `""` or `/base`, without a slash at the end. */
  readonly basePath: string;
  /** What is sent as Host; absent: the client's. */
  readonly hostHeader?: string;
  /** Absent: verified by `host` and the system's authorities. */
  readonly tlsRule?: UpstreamTlsRule;
}

interface UnixPlace {
  readonly kind: "unix";
  readonly path: string;
  readonly basePath: string;
}

/** As it is declared, with the name of the cookie. */
export type StickyRule = StickySpec & {
  readonly name: string;
  /** Of the cookie; absent: `/`. */
  readonly path?: string;
};

export interface UpstreamTlsRule {
  /** Stands for all of it: what was agreed under another rule is not shared. */
  readonly id: string;
  /** Absent: `host`. */
  readonly serverName?: string;
  /** PEM. Absent: the system's. */
  readonly ca?: string;
  readonly verify: boolean;
  /** What the gateway shows when it is asked. */
  readonly certificate?: KeyedCertificate;
}
