import { defineRoutes } from "../route.ts";
import type { imageSchemas } from "../schema/image.ts";

export type { ImageView } from "../schema/image.ts";

export const imageRoutes = defineRoutes<typeof imageSchemas>({
  list: {
    id: "image.list",
    method: "GET",
    path: "/v1/images",
    permission: "compute.images:read",
    summary: "List the images that a project can use: its own, and those of the engine",
    kind: "json",
    status: 200,
  },
  load: {
    id: "image.load",
    method: "POST",
    path: "/v1/images",
    permission: "compute.images:create",
    summary: "Load an image that docker save has written, plain or gzipped, for a project",
    kind: "upload",
    status: 201,
  },
  delete: {
    id: "image.delete",
    method: "DELETE",
    path: "/v1/images/{name*}",
    permission: "compute.images:delete",
    summary: "Remove an image of a project",
    kind: "json",
    status: 204,
  },
});
