import type { Audit, AuditRecord } from "@skerry/core/auth/audit.ts";
import type { Auth } from "@skerry/core/auth/auth.ts";
import type { Compute } from "@skerry/core/compute/compute.ts";
import type { ImageLoader } from "@skerry/core/compute/image-loader.ts";
import type { JobRunner, JobStatus } from "@skerry/core/domain/jobs.ts";
import type { ObjectChange, ObjectIndex } from "@skerry/core/domain/objects.ts";
import type { Clock } from "@skerry/core/domain/ports.ts";
import type { Store } from "@skerry/core/domain/store.ts";
import type { CanaryController } from "@skerry/core/gateway/canary/controller.ts";
import type { CertificateService } from "@skerry/core/gateway/certificates/service.ts";
import type { IpListService } from "@skerry/core/gateway/guard/lists-service.ts";
import type { GatewayHistory } from "@skerry/core/gateway/history/history.ts";
import type { RouteService } from "@skerry/core/gateway/routes.ts";
import type { UpstreamService } from "@skerry/core/gateway/upstreams/service.ts";
import type { BucketService } from "@skerry/core/storage/buckets.ts";
import type { ObjectService } from "@skerry/core/storage/objects.ts";
import type { Drafts } from "@skerry/core/store/drafts.ts";
import type { Backups } from "../backup/create.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Readiness } from "../readiness.ts";
import type { Feed } from "./feed.ts";

/** What is watched and lies in no store. */
export interface Feeds {
  readonly audit: Feed<AuditRecord>;
  readonly jobs: Feed<JobStatus>;
  readonly objects: Feed<ObjectChange>;
}

/** What the handlers work with. Made in `node.ts`. */
export interface Services {
  readonly audit: Audit;
  readonly auth: Auth;
  readonly backups: Backups;
  readonly buckets: BucketService;
  readonly canaries: Pick<CanaryController, "found">;
  readonly certificates: CertificateService;
  readonly ipLists: IpListService;
  readonly clock: Clock;
  readonly feeds: Feeds;
  readonly gateway: Gateway;
  readonly compute: Compute;
  readonly imageLoader: ImageLoader;
  readonly gatewayChanges: GatewayChanges;
  readonly index: ObjectIndex;
  readonly jobs: JobRunner;
  readonly objects: ObjectService;
  readonly routes: RouteService;
  readonly store: Store;
  readonly upstreams: UpstreamService;
  readonly node: NodeFacts;
  readonly renderMetrics: () => Promise<string>;
}

/** Through which everything changes that the gateway runs. */
export interface GatewayChanges {
  readonly history: GatewayHistory;
  readonly drafts: Drafts;
}

/** What a node says of itself. */
export interface NodeFacts {
  readonly cluster: string;
  readonly name: string;
  readonly version: string;
  readonly startedMs: number;
  /** Where the API answers over TCP. */
  readonly apiUrl: () => string;
  /** Told after a user's password has changed. */
  readonly passwordChanged: (userName: string) => Promise<void>;
  /** Whether requests are served; the reason when they are not. */
  readonly readiness: () => Promise<Readiness>;
}
