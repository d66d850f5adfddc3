import { defineRoutes } from "../route.ts";
import type { gatewaySchemas } from "../schema/gateway.ts";

export type { GatewayChangeView, GenerationView, PreviewView } from "../schema/gateway.ts";

/** What concerns the routes, upstreams, certificates and iplists of a project together. */
export const gatewayRoutes = defineRoutes<typeof gatewaySchemas>({
  preview: {
    id: "gateway.preview",
    method: "POST",
    path: "/v1/gateway/preview",
    permission: "gateway.routes:read",
    summary:
      "Check a change, or a rollback, as if it were made, and tell which requests it would change; nothing is done",
    kind: "json",
    status: 200,
    takesList: true,
  },
  history: {
    id: "gateway.history",
    method: "GET",
    path: "/v1/gateway/history",
    permission: "gateway.routes:read",
    summary: "List what was changed of a project's routes, upstreams, certificates and iplists, the newest first",
    kind: "json",
    status: 200,
  },
  generation: {
    id: "gateway.generation",
    method: "GET",
    path: "/v1/gateway/history/{generation}",
    permission: "gateway.routes:read",
    summary: "Show what one generation changed, with everything as it was before and after",
    kind: "json",
    status: 200,
  },
  change: {
    id: "gateway.change",
    method: "POST",
    path: "/v1/gateway/changes",
    permission: "gateway.routes:update",
    summary:
      "Make several changes of a project's routes, upstreams, certificates and iplists at once: all of them or none",
    kind: "json",
    status: 200,
    takesList: true,
  },
  rollback: {
    id: "gateway.rollback",
    method: "POST",
    path: "/v1/gateway/rollback",
    permission: "gateway.routes:update",
    summary:
      "Put a project's routes, upstreams, certificates and iplists back as they were after a generation, all at once",
    kind: "json",
    status: 200,
  },
});
