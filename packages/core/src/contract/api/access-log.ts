import { defineRoutes } from "../route.ts";
import type { accessLogSchemas } from "../schema/access-log.ts";

export const accessLogRoutes = defineRoutes<typeof accessLogSchemas>({
  read: {
    id: "gateway.log",
    method: "GET",
    path: "/v1/gateway/log",
    permission: "gateway.routes:read",
    summary: "Read the access log of the gateway: a line of JSON for each request to a route that you may see",
    kind: "download",
    status: 200,
  },
});
