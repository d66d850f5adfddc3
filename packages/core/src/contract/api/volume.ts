import { z } from "zod";
import { defineRoute } from "../route.ts";
import {
  labelsSchema,
  nameParams,
  nameSchema,
  noParams,
  noQuery,
  pageSchema,
  projectListQuery,
  projectQuery,
  projectSchema,
  resourceSchema,
} from "../schema.ts";

const volumeSchema = resourceSchema("volume", z.strictObject({}));
export type VolumeView = z.infer<typeof volumeSchema>;

const shared = { params: nameParams, query: projectQuery, kind: "json", status: 200 } as const;

export const volumeRoutes = {
  list: defineRoute({
    id: "volume.list",
    method: "GET",
    path: "/v1/volumes",
    permission: "compute.volumes:read",
    summary: "List the volumes that you may see",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: projectListQuery,
    output: pageSchema(volumeSchema),
  }),
  get: defineRoute({
    ...shared,
    id: "volume.get",
    method: "GET",
    path: "/v1/volumes/{name}",
    permission: "compute.volumes:read",
    summary: "Show a volume",
    output: volumeSchema,
  }),
  create: defineRoute({
    id: "volume.create",
    method: "POST",
    path: "/v1/volumes",
    permission: "compute.volumes:create",
    summary: "Create a volume: files that outlive containers",
    kind: "json",
    status: 201,
    params: noParams,
    query: noQuery,
    body: z.strictObject({
      name: nameSchema,
      project: projectSchema.optional(),
      labels: labelsSchema.optional(),
    }),
    output: volumeSchema,
  }),
  delete: defineRoute({
    ...shared,
    id: "volume.delete",
    method: "DELETE",
    path: "/v1/volumes/{name}",
    permission: "compute.volumes:delete",
    summary: "Delete a volume with what is in it",
    status: 204,
  }),
};
