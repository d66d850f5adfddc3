/** Schemas that several resources share, and the shape of everything that has meta, spec and status. */
import { z } from "zod";
import { ACTIONS } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { NAME_RULE } from "../domain/resource.ts";

export const nameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, { error: `a name is ${NAME_RULE}` })
  .describe(`Name: ${NAME_RULE}`);

/** Name or uid of a project. */
export const projectSchema = nameSchema.describe("Project (name or uid); default: your own");

const labelPart = z
  .string()
  .min(1)
  .max(LIMITS.resource.maxLabelLength)
  .regex(/^[^\u0000-\u001f\u007f-\u009f,=!()]*$/, { error: "a label has no control characters and none of , = ! ( )" })
  .refine((text) => text.isWellFormed(), { error: "a label is valid Unicode" });
export const labelsSchema = z
  .record(labelPart, labelPart)
  .refine((labels) => Object.keys(labels).length <= LIMITS.resource.maxLabels, {
    error: `at most ${LIMITS.resource.maxLabels} labels`,
  });

export const metaSchema = z.object({
  uid: z.string(),
  name: z.string(),
  project: z.string().describe("Uid of the project; `cloud` for what belongs to the cloud itself"),
  projectName: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  generation: z.int().describe("Counts changes of spec"),
  revision: z.int().describe("Revision of the store at the last change; give it back to update only that state"),
  createdAt: z.string(),
  updatedAt: z.string(),
  deletingSince: z.string().optional(),
});
export type Meta = z.infer<typeof metaSchema>;

export function resourceSchema<K extends string, S extends z.ZodType>(kind: K, spec: S) {
  return z.object({ kind: z.literal(kind), meta: metaSchema, spec });
}

export const noParams = z.strictObject({});
export const noQuery = z.strictObject({});
/** Decided as the call itself in every respect, and not done: 204 instead of an answer. */
export const dryRunQuery = z.strictObject({
  dryRun: z.enum(["1"]).optional().describe("Only decide whether it could be done, and change nothing: 204"),
});
/** What one gives with everything that is made, and with what is made in a project. */
export const newFields = { name: nameSchema, labels: labelsSchema.optional() };
export const ownedFields = { ...newFields, project: projectSchema.optional() };
export const nameParams = z.strictObject({ name: nameSchema });
export const projectQuery = z.strictObject({ project: projectSchema.optional() });

const pageSize = z.coerce.number().int().min(1).max(LIMITS.store.maxPageEntries);
const watchFields = {
  watch: z.enum(["1"]).optional().describe("Stream changes as server-sent events instead of a page"),
  from: z.coerce.number().int().min(1).optional().describe("With watch: first revision of interest"),
};
export const listQuery = z.strictObject({
  labels: z.string().max(1024).optional().describe("Label selector: a=b,c!=d,e in (x,y),f,!g"),
  limit: pageSize.optional(),
  page: z.string().max(2048).optional().describe("Token of the next page"),
  ...watchFields,
});
export const projectListQuery = listQuery.extend({
  project: projectSchema.optional().describe("Only of this project (name or uid)"),
});

export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    revision: z.int().describe("The revision that the page shows; watch from it plus one"),
    nextPage: z.string().optional(),
  });
}

export const scopesSchema = z
  .record(z.string().max(256), z.array(z.enum([...ACTIONS, "*"])).min(1))
  .refine((scopes) => Object.keys(scopes).length <= LIMITS.auth.maxScopesPerToken, {
    error: `at most ${LIMITS.auth.maxScopesPerToken} scopes`,
  })
  .describe('Path of the permission tree -> actions, e.g. {"storage.UID.objects": ["read"]}');
