import { resourceRoutes } from "../resource-routes.ts";
import { defineRoutes } from "../route.ts";
import type { containerSchemas } from "../schema/container.ts";

export type { ContainerView, UsageView } from "../schema/container.ts";

const container = resourceRoutes("container", "compute.containers");

export const containerRoutes = defineRoutes<typeof containerSchemas>({
  list: container.list("List the containers that you may see"),
  get: container.get("Show a container"),
  create: container.create("Create a container and start it"),
  update: container.update("Stop or start a container, change its limits, whether it is restarted, or its labels"),
  delete: container.delete("Stop and remove a container"),
  logs: {
    id: "container.logs",
    method: "GET",
    path: "/v1/containers/{name}/logs",
    permission: "compute.containers:read",
    summary: "Read what a container writes, as it is",
    kind: "download",
    status: 200,
  },
  exec: {
    id: "container.exec",
    method: "GET",
    path: "/v1/containers/{name}/exec",
    permission: "compute.containers:update",
    summary: "Run a command in a container, with a terminal or without",
    kind: "terminal",
    status: 101,
  },
  readFiles: {
    id: "container.files.read",
    method: "GET",
    path: "/v1/containers/{name}/files",
    permission: "compute.containers:update",
    summary: "Read a file or folder of a container, as a tar; it need not run",
    kind: "download",
    status: 200,
  },
  writeFiles: {
    id: "container.files.write",
    method: "PUT",
    path: "/v1/containers/{name}/files",
    permission: "compute.containers:update",
    summary: "Write the plain files and folders of a tar into a folder of a container; it need not run",
    kind: "upload",
    status: 200,
  },
  stats: {
    id: "container.stats",
    kind: "json",
    status: 200,
    method: "GET",
    path: "/v1/containers/{name}/stats",
    permission: "compute.containers:read",
    summary: "Show what a container uses now",
  },
});
