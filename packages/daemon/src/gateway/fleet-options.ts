/** What a fleet of workers is made with. */
import type { Clock } from "@skerry/core/domain/ports.ts";
import type { Logger, Metrics } from "@skerry/core/domain/telemetry.ts";
import type { GivenCertificate, HostPort } from "@skerry/core/gateway/control.ts";
import type { NetworkLists } from "@skerry/core/gateway/guard/network-lists.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import type { TlsVersion } from "@skerry/core/gateway/tls/rules.ts";
import type { FleetConditions, FleetL4, FleetRoutes, FleetUpstreams } from "./fleet-ears.ts";

/** Those of `LIMITS.gateway` that tests shorten. */
export type FleetLimits = {
  readonly [K in
    | "pingMs"
    | "maxUnanswered"
    | "minRestartMs"
    | "maxRestartMs"
    | "tellEndsFrom"
    | "tellEndsMs"
    | "maxEnds"]: number;
};

export interface FleetOptions {
  readonly workers: number;
  readonly http: HostPort;
  readonly https: HostPort;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** As in the message `start`. */
  readonly guarded: readonly string[];
  readonly explainKey?: string;
  /** As in the message `start`. */
  readonly tlsMinVersion: TlsVersion;
  /** Where the workers log requests, and how many of them; absent: nowhere. */
  readonly accessLog?: { readonly directory: string; readonly share: number };
  /** Where they share answers that they keep: emptied at the start. Absent: each keeps its own. */
  readonly cacheDirectory?: string;
  /** The table as it is now. */
  readonly entries: () => readonly TableEntry[];
  /** Networks that routes name. Absent: none. */
  readonly lists?: NetworkLists;
  /** Routes below HTTP. */
  readonly l4?: FleetL4;
  readonly upstreams?: FleetUpstreams;
  readonly routes?: FleetRoutes;
  readonly conditions?: FleetConditions;
  /** As in the message `start`. */
  readonly announcers?: readonly string[];
  /** Absent: the name has no route, and gets no certificate. `""`: no name was given. */
  readonly certificateFor: (host: string) => Promise<GivenCertificate | undefined>;
  /** Tests: others. */
  readonly limits?: Partial<FleetLimits>;
  readonly worker?: URL;
}
