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
/** A list that is watched and has neither labels nor pages. */
export const feedQuery = z.strictObject(watchFields);
const projectListQuery = listQuery.extend({
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

/** By its name in a project, which `?project=` names. */
export const IN_PROJECT = { listQuery: projectListQuery, itemQuery: projectQuery };
/** By a name that is unique in the cloud; a list can be of one project. */
export const IN_CLOUD = { listQuery: projectListQuery, itemQuery: noQuery };
/** By a name that is unique in the cloud, or the caller's; it lies in no project that one could ask for. */
export const OUTSIDE_PROJECTS = { listQuery, itemQuery: noQuery };

/**
 * What goes in and out of the routes that a resource has because it is one.
 *
 * @param resource its schema, and how it is addressed: one of the three above
 */
export function resourceSchemas<S extends z.ZodType, L extends z.ZodType, Q extends z.ZodRawShape>(resource: {
  readonly schema: S;
  readonly listQuery: L;
  readonly itemQuery: z.ZodObject<Q, z.core.$strict>;
}) {
  const { schema, listQuery, itemQuery } = resource;
  const item = { params: nameParams, query: itemQuery };
  const revision = z.int().min(1).optional().describe("Refuse when it has changed since");
  return {
    list: { params: noParams, query: listQuery, output: pageSchema(schema) },
    get: { ...item, output: schema },
    /** @param output what is answered, where that is more than the resource */
    create: <B extends z.ZodRawShape, O extends z.ZodType = S>(body: B, output?: O) => ({
      params: noParams,
      query: dryRunQuery,
      body: z.strictObject(body),
      output: (output ?? schema) as O,
    }),
    /** @param spec the fields that can be changed, all of them optional */
    update: <U extends z.ZodType>(spec: U) => ({
      params: nameParams,
      query: itemQuery.extend(dryRunQuery.shape),
      body: z.strictObject({ labels: labelsSchema.optional(), spec: spec.optional(), revision }),
      output: schema,
    }),
    delete: item,
  };
}
