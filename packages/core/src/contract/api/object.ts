import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { defineRoute } from "../route.ts";
import { nameSchema, noQuery } from "../schema.ts";

/** Any UTF-8 up to 1,024 bytes, without NUL. */
const objectKeySchema = z
  .string()
  .min(1, { error: "an object needs a key" })
  .refine((key) => Buffer.byteLength(key) <= LIMITS.objects.maxKeyBytes, {
    error: `a key has at most ${LIMITS.objects.maxKeyBytes} bytes`,
  })
  .refine((key) => !key.includes("\0") && key.isWellFormed(), { error: "a key is UTF-8 without NUL" });

const keyParams = z.strictObject({ bucket: nameSchema, key: objectKeySchema });

export const objectSchema = z.object({
  bucket: z.string().describe("Name of the bucket"),
  key: z.string(),
  version: z.string(),
  sizeBytes: z.int(),
  etag: z.string().describe("MD5 of the content, hex"),
  contentType: z.string(),
  modifiedAt: z.string(),
  metadata: z.record(z.string(), z.string()),
});
export type ObjectView = z.infer<typeof objectSchema>;

export const objectRoutes = {
  list: defineRoute({
    id: "object.list",
    method: "GET",
    path: "/v1/objects/{bucket}",
    permission: "storage.objects:read",
    summary: "List objects by prefix, in the order of their UTF-8 bytes",
    kind: "json",
    status: 200,
    params: z.strictObject({ bucket: nameSchema }),
    query: z.strictObject({
      prefix: z.string().max(LIMITS.objects.maxKeyBytes).optional(),
      delimiter: z
        .string()
        .min(1)
        .max(16)
        .optional()
        .describe("Keys with this after the prefix show as one common prefix"),
      limit: z.coerce.number().int().min(1).max(LIMITS.objects.maxPageEntries).optional(),
      page: z.string().max(2048).optional(),
    }),
    output: z.object({ items: z.array(objectSchema), prefixes: z.array(z.string()), nextPage: z.string().optional() }),
  }),
  put: defineRoute({
    id: "object.put",
    method: "PUT",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:create",
    summary: "Store an object; the answer comes when it is durable. If-Match / If-None-Match hold at that moment",
    kind: "upload",
    status: 201,
    params: keyParams,
    query: noQuery,
    output: objectSchema,
  }),
  get: defineRoute({
    id: "object.get",
    method: "GET",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:read",
    summary: "Read an object or a Range of it",
    kind: "download",
    status: 200,
    params: keyParams,
    query: noQuery,
  }),
  head: defineRoute({
    id: "object.head",
    method: "HEAD",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:read",
    summary: "Show size, ETag and metadata of an object",
    kind: "download",
    status: 200,
    params: keyParams,
    query: noQuery,
  }),
  delete: defineRoute({
    id: "object.delete",
    method: "DELETE",
    path: "/v1/objects/{bucket}/{key*}",
    permission: "storage.objects:delete",
    summary: "Delete an object",
    kind: "json",
    status: 204,
    params: keyParams,
    query: noQuery,
  }),
};
