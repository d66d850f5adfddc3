import { defineRoutes } from "../route.ts";
import type { nodeSchemas } from "../schema/node.ts";

export type { StorageStatusView } from "../schema/node.ts";

const shared = { method: "GET", kind: "json", status: 200 } as const;

export const nodeRoutes = defineRoutes<typeof nodeSchemas>({
  status: {
    ...shared,
    id: "node.status",
    path: "/v1/status",
    permission: "node.status:read",
    summary: "Show how the cloud is",
  },
  storage: {
    ...shared,
    id: "storage.status",
    path: "/v1/storage",
    permission: "storage.status:read",
    summary: "Show chunkservers, disks and replicas",
  },
  jobs: {
    ...shared,
    id: "job.list",
    path: "/v1/jobs",
    permission: "node.jobs:read",
    summary: "List background jobs",
    kind: "list",
    watch: true,
  },
  audit: {
    ...shared,
    id: "audit.list",
    path: "/v1/audit",
    permission: "auth.audit:read",
    summary: "Show the newest lines of the audit log",
    kind: "list",
    watch: true,
  },
  metrics: {
    ...shared,
    id: "node.metrics",
    path: "/metrics",
    permission: "node.metrics:read",
    summary: "Metrics in the format of Prometheus",
    kind: "download",
  },
  openapi: {
    ...shared,
    id: "openapi",
    path: "/openapi.json",
    permission: "anyone",
    summary: "This API as an OpenAPI 3.1 document",
    kind: "download",
  },
  live: {
    ...shared,
    id: "health.live",
    path: "/healthz/live",
    permission: "anyone",
    summary: "200 while the process runs",
    kind: "download",
  },
  ready: {
    ...shared,
    id: "health.ready",
    path: "/healthz/ready",
    permission: "anyone",
    summary: "200 when requests can be served, else 503 with the reason",
    kind: "download",
  },
});
