/** The routes that a resource has because it is one: list, get, create, update, delete. What differs is handed in. */
import { z } from "zod";
import { defineRoute, type PathTemplate } from "./route.ts";
import {
  dryRunQuery,
  labelsSchema,
  listQuery,
  nameParams,
  noParams,
  noQuery,
  pageSchema,
  projectListQuery,
  projectQuery,
} from "./schema.ts";

/** By its name in a project, which `?project=` names. */
export const IN_PROJECT = { listQuery: projectListQuery, itemQuery: projectQuery };
/** By a name that is unique in the cloud; a list can be of one project. */
export const IN_CLOUD = { listQuery: projectListQuery, itemQuery: noQuery };
/** By a name that is unique in the cloud, or the caller's; it lies in no project that one could ask for. */
export const OUTSIDE_PROJECTS = { listQuery, itemQuery: noQuery };

const revision = z.int().min(1).optional().describe("Refuse when it has changed since");

/**
 * @param kind the resource's name; `/v1/<kind>s` is where it lies
 * @param permission `<root>.<resource>`, to which each route adds its action
 * @param listQuery,itemQuery how it is addressed: one of the three above
 */
export function resourceRoutes<S extends z.ZodType, L extends z.ZodType, Q extends z.ZodRawShape>(resource: {
  readonly kind: string;
  readonly permission: `${string}.${string}`;
  readonly schema: S;
  readonly listQuery: L;
  readonly itemQuery: z.ZodObject<Q, z.core.$strict>;
}) {
  const { kind, permission, schema, itemQuery } = resource;
  const of = (verb: string, action = verb) =>
    ({ id: `${kind}.${verb}`, permission: `${permission}:${action}` }) as const;
  const all: PathTemplate = `/v1/${kind}s`;
  const whole = { path: all, params: noParams } as const;
  const item = { path: `${all}/{name}`, params: nameParams, query: itemQuery, kind: "json" } as const;
  return {
    list: (summary: string) =>
      defineRoute({
        ...of("list", "read"),
        method: "GET",
        ...whole,
        summary,
        kind: "list",
        watch: true,
        status: 200,
        query: resource.listQuery,
        output: pageSchema(schema),
      }),
    get: (summary: string) =>
      defineRoute({ ...item, ...of("get", "read"), method: "GET", summary, status: 200, output: schema }),
    /** @param output what is answered, where that is more than the resource */
    create: <B extends z.ZodRawShape, O extends z.ZodType = S>(summary: string, body: B, output?: O) =>
      defineRoute({
        ...of("create"),
        method: "POST",
        ...whole,
        summary,
        kind: "json",
        status: 201,
        query: dryRunQuery,
        body: z.strictObject(body),
        output: (output ?? schema) as O,
      }),
    /** @param spec the fields that can be changed, all of them optional */
    update: <U extends z.ZodType>(summary: string, spec: U) =>
      defineRoute({
        ...item,
        ...of("update"),
        method: "PUT",
        summary,
        status: 200,
        query: itemQuery.extend(dryRunQuery.shape),
        body: z.strictObject({ labels: labelsSchema.optional(), spec: spec.optional(), revision }),
        output: schema,
      }),
    delete: (summary: string) => defineRoute({ ...item, ...of("delete"), method: "DELETE", summary, status: 204 }),
  };
}
