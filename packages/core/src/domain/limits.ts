/**
 * Every bound of the product, in one place. Each queue, buffer, cache, pool and retry takes its bound from here, has a
 * metric, and a defined answer when it is full. Relations between bounds are asserted when this file loads.
 */
import { CLIENT_LIMITS } from "./limits-clients.ts";
import { COMPUTE_LIMITS } from "./limits-compute.ts";
import { GATEWAY_LIMITS } from "./limits-gateway.ts";
import { TRAFFIC_LIMITS } from "./limits-traffic.ts";
import { GiB, hour, KiB, MiB, minute, second } from "./units.ts";

export const LIMITS = {
  ...CLIENT_LIMITS,
  ...COMPUTE_LIMITS,
  ...GATEWAY_LIMITS,
  ...TRAFFIC_LIMITS,
  name: {
    /** Longest resource name, in characters (a DNS label). */
    maxLength: 63,
  },
  resource: {
    /** Largest control-plane document (JSON, bytes). Beyond: `invalid/too-large`. */
    maxBytes: 256 * KiB,
    /** Labels on one resource. */
    maxLabels: 32,
    /** Longest label key or value, in characters. */
    maxLabelLength: 128,
  },
  store: {
    /** Operations and compares in one transaction. Beyond: `invalid/too-large`. */
    maxTransactionOps: 512,
    /** Bytes of one transaction's JSON. Beyond: `invalid/too-large`. */
    maxTransactionBytes: 12 * MiB,
    /** A log that is rewritten gets parts of about so many bytes. */
    partBytes: 1 * MiB,
    /** Longest key, in bytes of UTF-8. */
    maxKeyBytes: 512,
    /** Events that wait for one watcher. Beyond: it is closed with `conflict/compacted` and relists. */
    maxWatchBufferEvents: 4096,
    /** Watchers at once. Beyond: `exhausted/overload`. */
    maxWatchers: 1024,
    /** Transactions that wait for durability. Beyond: `exhausted/overload`. */
    maxPendingTransactions: 4096,
    /** Bytes of transactions that wait for durability. Beyond: `exhausted/overload`. */
    maxPendingBytes: 64 * MiB,
    /** Transactions made durable with one sync. */
    maxGroupCommit: 512,
    /** Bytes made durable with one sync (one transaction may be larger). */
    maxGroupCommitBytes: 8 * MiB,
    /** Entries of one page of a list. */
    maxPageEntries: 1000,
    /** Revisions kept before automatic compaction removes history. */
    keepRevisions: 10_000,
    /** Bytes of such revisions, as they are logged: when they have more, fewer are kept. */
    keepBytes: 16 * MiB,
    /** Leases at once. Beyond: `exhausted/overload`. */
    maxLeases: 10_000,
    /** Shortest and longest lease. */
    minLeaseMs: 1 * second,
    maxLeaseMs: 24 * hour,
  },
  objects: {
    /** Longest object key, in bytes of UTF-8 (as S3). */
    maxKeyBytes: 1024,
    /** Largest object (as S3 with multipart). Beyond: `invalid/too-large`. */
    maxObjectBytes: 5 * 1024 * GiB,
    /** Bytes of one chunk. */
    chunkBytes: 64 * MiB,
    /** Bytes under one checksum. */
    blockBytes: 64 * KiB,
    /** Bytes of one read or write on a disk: a whole number of blocks. */
    ioBytes: 1 * MiB,
    /** Buffers of `ioBytes` in the pool, shared by all transfers. A transfer waits for one. */
    poolBuffers: 48,
    /** Buffers for the headers of replicas, for each chunkserver. A seal waits for one. */
    headerBuffers: 8,
    /** Copies of each chunk. */
    replicas: 3,
    /** Copies that must be durable before the answer. */
    writeQuorum: 2,
    /** Entries of one page of a listing. */
    maxPageEntries: 1000,
    /** User metadata of an object, in bytes. */
    maxMetadataBytes: 2 * KiB,
    /** Beyond: `exhausted/quota`. */
    maxBucketsPerProject: 1000,
    /** Uploads at once. Beyond: `exhausted/overload`. */
    maxUploads: 256,
    /** Free bytes below which a disk takes no more data (the smaller of this and 5 % of the disk). */
    diskReserveBytes: 1 * GiB,
    /** Bytes held back in a file for the stores when a disk is full after all. */
    ballastBytes: 16 * MiB,
    /** A transfer that lacks chunkservers asks those that are away whether they are back, and waits so long for them. */
    probeMs: 5 * second,
    /** Chunks that wait for repair in memory; the rest is found again by the next inventory. */
    maxRepairQueue: 10_000,
    /** Chunks without any good replica that are remembered, for the status; all are logged. */
    maxLostChunks: 10_000,
    /** Of those, how many objects are named. */
    maxLostShown: 5,
    /** Time between two looks into the repair queue, besides those that a finding asks for. */
    repairEveryMs: 10 * second,
    /** Chunks that wait for deletion taken from the index at a time. */
    garbageBatch: 256,
    /** Time between two looks for garbage, besides those that a delete asks for. */
    garbageEveryMs: 10 * second,
    /** Time between two inventories (index against files). */
    inventoryEveryMs: 10 * minute,
  },
  index: {
    /** Batches that wait for the index's thread. Beyond: `exhausted/overload`. */
    maxPendingBatches: 4096,
    /** Batches committed with one sync. */
    maxGroupCommit: 256,
    /** Changes kept for the change cursor. Older: `conflict/compacted`. */
    keepChanges: 100_000,
    /** Time between two looks at every row. */
    verifyEveryMs: 24 * hour,
    /** Operations of one batch. Beyond: `invalid/too-large`. */
    maxBatchOps: 1024,
    /** Operations and their chunks committed with one sync; a single batch may always go. */
    maxGroupOps: 4096,
    /** Reads that wait for the index's reader. Beyond: `exhausted/overload`. */
    maxPendingReads: 4096,
    /** Reads handed to the reader at once: their answers are unpacked in one turn of the loop. The rest waits. */
    maxReadsPerMessage: 64,
    /** Reads of whole pages among them. The rest waits. */
    maxPagesPerMessage: 2,
    /** Page cache of each of the index's two connections. */
    cacheBytes: 32 * MiB,
    /** Size to which the write-ahead log is cut after a peak. */
    walBytes: 16 * MiB,
  },
  auth: {
    /** Failed logins from one address in the window. Beyond: `exhausted/rate`. */
    maxLoginsPerIp: 20,
    /** Failed logins for one user in the window. Beyond: `exhausted/rate`. */
    maxLoginsPerUser: 10,
    loginWindowMs: 15 * minute,
    /** Addresses and users whose attempts are remembered; when full the oldest goes. */
    maxLoginKeys: 10_000,
    /** Password hashes computed at once; more wait. */
    maxConcurrentHashes: 2,
    /** Hashes that wait. Beyond: `exhausted/overload`. */
    maxWaitingHashes: 64,
    sessionMs: 24 * hour,
    minPasswordLength: 12,
    maxPasswordLength: 256,
    /** Tokens of one user. Beyond: `exhausted/quota`. */
    maxTokensPerUser: 100,
    /** Sessions of one user; the oldest ends. */
    maxSessionsPerUser: 50,
    /** Scopes of one token. */
    maxScopesPerToken: 64,
    /** Longest life of a token that expires. */
    maxTokenMs: 10 * 365 * 24 * hour,
    /** Denials written to the audit log per second; the rest is counted. */
    maxAuditDenialsPerSecond: 20,
    /** Size at which the audit file is rotated, and how many are kept. */
    auditFileBytes: 64 * MiB,
    auditFiles: 10,
    /** Audit lines that wait to be written. Beyond: `exhausted/overload`. */
    maxAuditPending: 4096,
    /** Longest line of the audit log; longer targets are cut. */
    maxAuditLineBytes: 8 * KiB,
    /** Most records that one read of the audit log returns. */
    maxAuditTail: 1000,
    /** Time within which what was written to the audit log is synced. */
    auditSyncMs: 1 * second,
    /** Credentials whose last use is remembered, and the time between two writes of the file. */
    maxLastUsedKeys: 20_000,
    lastUsedEveryMs: 1 * minute,
    /** Time within which open streams of an expired credential end. */
    expiryCheckMs: 1 * second,
    /** Time between two removals of expired sessions and tokens. */
    expireEveryMs: 1 * hour,
    /** Longest time that permissions are answered while the watch of the store is broken. Beyond: `unavailable`. */
    maxStaleViewMs: 5 * second,
    /** A change must be in force here within this, else the caller is told that it is not. */
    settleMs: 5 * second,
    /** Attempts of a transaction whose compares do not hold. Beyond: `conflict`. */
    maxTransactionAttempts: 8,
  },
  http: {
    /** Headers of a request together. Beyond: `invalid/headers`. */
    maxHeaderBytes: 16 * KiB,
    /** JSON body. Beyond: `invalid/too-large`. */
    maxJsonBytes: 1 * MiB,
    /** JSON body where a list of networks comes, with all its escapes. Beyond: `invalid/too-large`. */
    maxListJsonBytes: 5 * MiB,
    /** JSON body of who has no credential (a login). Beyond: `invalid/too-large`. */
    maxLoginBytes: 16 * KiB,
    /** Members of all lists and objects of a JSON body together. Beyond: `invalid/too-large`. */
    maxJsonMembers: 10_000,
    /** Nesting of JSON and YAML. Beyond: `invalid`. */
    maxJsonDepth: 32,
    /** Longest request target. */
    maxUrlBytes: 8 * KiB,
    /** Connections to one listener. Beyond: the oldest is closed that asks for nothing. */
    maxConnections: 4096,
    /** Event streams (watches) at once over all principals. Beyond: `exhausted/overload`. */
    maxStreams: 512,
    /** Event streams of one principal. Beyond: `exhausted/rate`. */
    maxStreamsPerPrincipal: 64,
    /** Downloads at once over all principals. Beyond: `exhausted/overload`. */
    maxDownloads: 256,
    /** Downloads, and uploads, of one principal (or of one address without a credential). Beyond: `exhausted/rate`. */
    maxTransfersPerPrincipal: 64,
    /** A reader that takes nothing for so long is cut off. */
    readerIdleTimeoutMs: 60 * second,
    /** Headers must be complete by then. */
    headerTimeoutMs: 10 * second,
    /** A body that stands still so long is given up. */
    bodyIdleTimeoutMs: 60 * second,
    keepAliveMs: 5 * second,
    /** Sign of life on an event stream. */
    streamHeartbeatMs: 15 * second,
    /** A client takes an event stream for dead when nothing came for so long, and connects again. */
    streamSilenceMs: 45 * second,
    /** Changes that a feed (audit, jobs, objects) keeps for its watchers. Beyond: the oldest half goes; who needs them lists again. */
    maxFeedChanges: 2048,
    /** In-flight requests may finish within this after SIGTERM. */
    drainMs: 10 * second,
  },
  backup: {
    /** Data of one frame of a backup, as they are written; an entry of the store may be longer. */
    frameBytes: 1 * MiB,
    /** Longest frame that is read. Beyond: the backup is damaged. */
    maxFrameBytes: 16 * MiB,
    /** Who asks for a second backup at a time is told to wait so long. */
    retryAfterMs: 10 * second,
  },
  config: {
    /** Largest configuration file. Beyond: `invalid/too-large`. */
    maxFileBytes: 64 * KiB,
    /** Networks in one setting. Beyond: `invalid`. */
    maxNetworks: 64,
    /** Directories for storage. Beyond: `invalid`. */
    maxStorageDirectories: 64,
  },
  log: {
    /** Size at which a log file is rotated, and how many are kept, the present one included. */
    fileBytes: 32 * MiB,
    files: 5,
    /** Longest line. A longer one keeps its message and loses its fields. */
    maxLineBytes: 64 * KiB,
    /** Longest string in a field; the rest is cut. */
    maxStringLength: 8 * KiB,
    /** Nesting of fields, entries of one object or list, and values of one line; the rest is left out. */
    maxDepth: 6,
    maxEntries: 64,
    maxValues: 1000,
    /** Bytes that wait for a terminal or pipe that does not read. Beyond: lines are dropped and counted. */
    maxPendingBytes: 1 * MiB,
    /** Longest that closing waits for them. */
    closeMs: 250,
  },
  metrics: {
    /** Combinations of label values of one metric. Beyond: the values are `other`. */
    maxLabelSets: 200,
    /** Longest label value, in characters; the rest is cut. */
    maxLabelLength: 128,
  },
  jobs: {
    /** First and longest pause after a failure. */
    minBackoffMs: 1 * second,
    maxBackoffMs: 5 * minute,
    /** A job must stop within this when asked. */
    stopMs: 5 * second,
    /** What a run says of its progress is told at most so often; its state always. */
    progressMs: 250,
  },
} as const;

function assertLimit(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`limits.ts: ${relation} does not hold`);
}

assertLimit(LIMITS.objects.chunkBytes % LIMITS.objects.ioBytes === 0, "chunkBytes is a multiple of ioBytes");
assertLimit(LIMITS.objects.ioBytes % LIMITS.objects.blockBytes === 0, "ioBytes is a multiple of blockBytes");
assertLimit((LIMITS.objects.chunkBytes / LIMITS.objects.blockBytes) * 4 <= 4096, "a chunk's checksums fit one page");
assertLimit(LIMITS.objects.writeQuorum * 2 > LIMITS.objects.replicas, "two write quorums share a replica");
assertLimit(LIMITS.resource.maxBytes < LIMITS.store.maxTransactionBytes, "a resource fits a transaction");
assertLimit(LIMITS.http.maxJsonBytes >= LIMITS.resource.maxBytes, "a resource fits a request");
assertLimit(LIMITS.gateway.maxIpListLength < LIMITS.http.maxListJsonBytes, "a list of networks fits a request");
assertLimit(
  2 * LIMITS.http.maxListJsonBytes < LIMITS.store.maxTransactionBytes,
  "a list of networks fits a transaction, with what it was before",
);
assertLimit(
  LIMITS.gateway.maxIpListLength <= LIMITS.gateway.maxIpListsLength,
  "a project has room for the largest list",
);
assertLimit(LIMITS.http.maxStreams < LIMITS.store.maxWatchers, "event streams leave watches for ourselves");
assertLimit(
  LIMITS.http.streamSilenceMs >= 2 * LIMITS.http.streamHeartbeatMs,
  "a sign of life may be lost before a stream is taken for dead",
);
assertLimit(LIMITS.index.maxBatchOps <= LIMITS.index.maxGroupOps, "a batch fits a group commit");
assertLimit(LIMITS.proxy.maxTargetBytes < LIMITS.proxy.maxHeadBytes, "a target fits a head");
assertLimit(LIMITS.delivery.maxConnectMs <= LIMITS.proxy.connectionMs, "a route does not wait longer to connect");
assertLimit(LIMITS.proxy.maxUpstreamIdle <= LIMITS.proxy.maxUpstreamConnections, "kept connections are connections");
assertLimit(
  LIMITS.http2.streamWindowBytes >= 65_535,
  "a stream's window is not less than before our settings are known",
);
assertLimit(LIMITS.http2.maxStreamWindowBytes <= LIMITS.http2.connectionWindowBytes, "one stream fits a connection");
assertLimit(LIMITS.http2.maxFields > LIMITS.proxy.maxHeaders, "as many headers as in HTTP/1, and pseudo headers");
assertLimit(LIMITS.http2.maxListBytes > LIMITS.proxy.maxHeadBytes, "as large a head as in HTTP/1");
assertLimit(LIMITS.proxy.smallBodyBytes < LIMITS.proxy.slowReadBytes, "a small body fits one read");
assertLimit(
  LIMITS.backup.frameBytes + LIMITS.store.maxTransactionBytes <= LIMITS.backup.maxFrameBytes,
  "an entry fits a frame",
);
assertLimit(LIMITS.service.callMs > LIMITS.http.drainMs, "a service drains within one call");
assertLimit(LIMITS.http.drainMs > LIMITS.jobs.stopMs, "jobs stop within the drain");
assertLimit(LIMITS.gateway.lagMs < LIMITS.gateway.activateMs, "a worker that lags is replaced before the answer");
assertLimit(
  LIMITS.gateway.accessBufferBytes < LIMITS.gateway.maxAccessPendingBytes &&
    LIMITS.gateway.maxAccessPendingBytes <= LIMITS.gateway.minAccessFileBytes,
  "what waits for the access log fits one file",
);
assertLimit(
  LIMITS.gateway.renewCertificateMs < LIMITS.gateway.certificateMs,
  "a certificate is renewed while it holds",
);
assertLimit(LIMITS.l4.bulkReadBytes < LIMITS.l4.sharedBufferBytes, "a connection that carries much is noticed");
assertLimit(LIMITS.l4.maxRouteSessions < LIMITS.l4.maxSessions, "one route leaves sessions to others");
assertLimit(LIMITS.l4.maxRouteConnections < LIMITS.l4.maxConnections, "one route leaves connections to others");
