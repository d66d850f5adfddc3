import { z } from "zod";
import { defineRoute } from "../route.ts";
import { noParams, projectQuery } from "../schema.ts";

const imageName = z.string().min(1).max(200).describe("NAME[:TAG], e.g. web:2");
const image = z.object({
  name: z.string(),
  id: z.string(),
  project: z.string().optional().describe("Uid of its project; absent: the engine's own, for everyone"),
  sizeBytes: z.int(),
  createdAt: z.string(),
});
export type ImageView = z.infer<typeof image>;

export const imageRoutes = {
  list: defineRoute({
    id: "image.list",
    method: "GET",
    path: "/v1/images",
    permission: "compute.images:read",
    summary: "List the images that a project can use: its own, and those of the engine",
    kind: "json",
    status: 200,
    params: noParams,
    query: projectQuery,
    output: z.object({ items: z.array(image) }),
  }),
  load: defineRoute({
    id: "image.load",
    method: "POST",
    path: "/v1/images",
    permission: "compute.images:create",
    summary: "Load an image that docker save has written, plain or gzipped, for a project",
    kind: "upload",
    status: 201,
    params: noParams,
    query: projectQuery.extend({ name: imageName.optional().describe("Default: as the file names it") }),
    output: image,
  }),
  delete: defineRoute({
    id: "image.delete",
    method: "DELETE",
    path: "/v1/images/{name*}",
    permission: "compute.images:delete",
    summary: "Remove an image of a project",
    kind: "json",
    status: 204,
    params: z.strictObject({ name: imageName }),
    query: projectQuery,
  }),
};
