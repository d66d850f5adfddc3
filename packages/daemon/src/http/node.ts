import { targetOf } from "@skerry/core/auth/access.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { ApiResponse } from "@skerry/core/contract/dispatch/exchange.ts";
import { createOpenApi } from "@skerry/core/contract/openapi.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import type { Bucket, ObjectPlace } from "@skerry/core/domain/objects.ts";
import { toBucket } from "@skerry/core/storage/buckets.ts";
import type { Readiness } from "../readiness.ts";
import { mayReadObjects } from "./bucket.ts";
import { engineProblems } from "./engine-problems.ts";
import type { Services } from "./services.ts";

const AUDIT_LINES = 100;

export function nodeHandlers(services: Services) {
  const { clock, compute, gateway, node, objects, store } = services;
  let openapi: string | undefined;
  return [
    handle.json(nodeRoutes.status, async (call) => {
      authorizeCloud(call, "the status of the cloud");
      const storage = await objects.status();
      const readiness = await node.readiness();
      const problems = [
        ...problemsOf(services, storage, readiness, await namesOf(services, call, storage.lostObjects)),
        ...(await engineProblems(store)),
        ...compute.problems(),
      ];
      const warnings = gateway.warnings();
      const working = problems.length > 0 ? "degraded" : "ok";
      const state: "ok" | "degraded" | "draining" = readiness.state === "draining" ? "draining" : working;
      return {
        cluster: node.cluster,
        version: node.version,
        node: node.name,
        state,
        uptimeSeconds: Math.floor((clock.monotonicMs() - node.startedMs) / 1000),
        revision: store.revision,
        storage: {
          replicas: storage.replicas,
          state: storage.state,
          objects: storage.objects,
          sizeBytes: storage.sizeBytes,
        },
        addresses: {
          api: node.apiUrl(),
          ...(gateway.httpUrl === undefined ? {} : { http: gateway.httpUrl }),
          ...(gateway.httpsUrl === undefined ? {} : { https: gateway.httpsUrl }),
        },
        problems,
        ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
      };
    }),

    handle.json(nodeRoutes.storage, async (call) => {
      authorizeCloud(call, "the status of the storage");
      const status = await objects.status();
      const lostObjects = await namesOf(services, call, status.lostObjects);
      return { ...status, lostObjects, servers: status.servers.map((server) => ({ ...server })) };
    }),

    ...followedHandlers(services),

    handle.download(nodeRoutes.metrics, async (call) => {
      authorizeCloud(call, "the metrics");
      return text(200, "text/plain; version=0.0.4; charset=utf-8", await services.renderMetrics());
    }),

    handle.download(nodeRoutes.openapi, async () => {
      openapi ??= `${JSON.stringify(createOpenApi(ROUTES, node.version))}\n`;
      return text(200, "application/json", openapi);
    }),

    handle.download(nodeRoutes.live, async () => text(200, "text/plain", "live\n")),

    handle.download(nodeRoutes.ready, async () => {
      const { state, reason } = await node.readiness();
      if (state === "serving") return text(200, "text/plain", "ready\n");
      return text(503, "text/plain", `${reason ?? state}\n`);
    }),
  ];
}

/** What happens on this node: as it is, and as it comes. */
function followedHandlers({ audit, feeds, jobs }: Services) {
  return [
    handle.list(nodeRoutes.jobs, {
      page: async (call) => {
        authorizeCloud(call, "the jobs");
        const { revision } = feeds.jobs;
        return { items: jobs.statuses().map((status) => ({ ...status })), revision };
      },
      watch: (call, _, from) => {
        authorizeCloud(call, "the jobs");
        return feeds.jobs.watch(from, call.signal, async (item) => ({ type: "put", item }));
      },
    }),

    handle.list(nodeRoutes.audit, {
      page: async (call, { query }) => {
        authorizeCloud(call, "the audit log");
        const { revision } = feeds.audit;
        const items = await audit.readTail(query.limit ?? AUDIT_LINES);
        // What came while it was read comes with the watch, too: it must not be told twice.
        const later = new Set(feeds.audit.after(revision).map((record) => JSON.stringify(record)));
        return { items: items.filter((record) => !later.has(JSON.stringify(record))), revision };
      },
      watch: (call, _, from) => {
        authorizeCloud(call, "the audit log");
        return feeds.audit.watch(from, call.signal, async (item) => ({ type: "put", item }));
      },
    }),
  ];
}

function authorizeCloud(call: Call, what: string): void {
  call.authorize(targetOf.cloud(), what);
}

function text(status: number, contentType: string, body: string): ApiResponse {
  return { status, headers: { "content-type": contentType, "cache-control": "no-store" }, body };
}

interface ObjectName {
  /** Name of the bucket. */
  readonly bucket: string;
  readonly key: string;
}

/** Those that who asks may read: others' keys are not theirs to see, also for who runs the machine. */
async function namesOf(services: Services, call: Call, places: readonly ObjectPlace[]): Promise<ObjectName[]> {
  if (places.length === 0) return [];
  const buckets = new Map<string, Bucket>();
  for (let after: string | undefined; ; ) {
    const page = await services.store.list({ prefix: "/bucket/", ...(after === undefined ? {} : { after }) });
    for (const entry of page.entries) {
      const { bucket } = toBucket(entry);
      buckets.set(bucket.meta.uid, bucket);
    }
    after = page.next;
    if (after === undefined) break;
  }
  return places.flatMap(({ bucket: uid, key }) => {
    const bucket = buckets.get(uid);
    const may = bucket !== undefined && mayReadObjects(services, call, bucket);
    return may ? [{ bucket: bucket.meta.name, key }] : [];
  });
}

function lostText(chunks: number, objects: readonly ObjectName[]): string {
  const names = objects.map(({ bucket, key }) => `${bucket}:${key}`);
  const some = names.length === 0 ? "" : `, among them ${names.join(", ")}`;
  return (
    `${chunks} ${chunks === 1 ? "chunk of an object has" : "chunks of objects have"} no good copy on any disk here${some}: ` +
    "what they belong to cannot be read. Mount the disk that had them, or store those objects again, or remove them."
  );
}

/** What is not as it should be, in sentences that say what to do. */
function problemsOf(
  services: Services,
  storage: Awaited<ReturnType<Services["objects"]["status"]>>,
  { state, reason }: Readiness,
  lostObjects: readonly ObjectName[],
): string[] {
  const problems: string[] = [...services.gateway.problems()];
  if (state === "failing") problems.push(`Not ready: ${reason}`);
  for (const server of storage.servers) {
    if (server.state === "ok") continue;
    problems.push(
      `Chunkserver ${server.name} is ${server.state}${server.reason === undefined ? "" : `: ${server.reason}`}`,
    );
  }
  if (storage.repairQueue > 0)
    problems.push(`${storage.repairQueue} chunks have fewer than three good copies; repair is under way.`);
  if (storage.lostChunks > 0) problems.push(lostText(storage.lostChunks, lostObjects));
  for (const job of services.jobs.statuses()) {
    if (job.state === "backing-off") problems.push(`The job ${job.name} fails: ${job.lastError ?? "unknown"}`);
  }
  return problems;
}
