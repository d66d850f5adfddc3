import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { feedQuery, nameSchema, noQuery, pageSchema } from "../schema.ts";

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

/** What an event of the list is about: an object, all that is left of one, or a common prefix. */
export type ObjectEntry =
  | ObjectView
  | { readonly bucket: string; readonly key: string }
  | { readonly bucket: string; readonly prefix: string };

/** What goes in and out, by route. */
export const objectSchemas = {
  list: {
    params: z.strictObject({ bucket: nameSchema }),
    query: feedQuery.extend({
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
    output: pageSchema(objectSchema).extend({ prefixes: z.array(z.string()) }),
  },
  put: { params: keyParams, query: noQuery, output: objectSchema },
  get: { params: keyParams, query: noQuery },
  head: { params: keyParams, query: noQuery },
  delete: { params: keyParams, query: noQuery },
};
