import { defineRoutes } from "../route.ts";
import type { objectSchemas } from "../schema/object.ts";

export type { ObjectEntry, ObjectView } from "../schema/object.ts";

export const objectRoutes = defineRoutes<typeof objectSchemas>({
  list: {
    id: "object.list",
    method: "GET",
    path: "/v1/objects/{bucket}",
    permission: "storage.objects:read",
    summary: "List objects by prefix, in the order of their UTF-8 bytes",
    kind: "list",
    watch: true,
    status: 200,
  },
  put: {
    id: "object.put",
    method: "PUT",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:create",
    summary: "Store an object; the answer comes when it is durable. If-Match / If-None-Match hold at that moment",
    kind: "upload",
    status: 201,
  },
  get: {
    id: "object.get",
    method: "GET",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:read",
    summary: "Read an object or a Range of it",
    kind: "download",
    status: 200,
  },
  head: {
    id: "object.head",
    method: "HEAD",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:read",
    summary: "Show size, ETag and metadata of an object",
    kind: "download",
    status: 200,
  },
  delete: {
    id: "object.delete",
    method: "DELETE",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:delete",
    summary: "Delete an object",
    kind: "json",
    status: 204,
  },
});
