/** The API as an OpenAPI 3.1 document, made from the routes. Checked in under `fixtures/api/openapi.json`. */
import { z } from "zod";
import { ERROR_TABLE } from "../domain/errors.ts";
import { pathSegments, type ServedRoute } from "./route.ts";

type JsonSchema = Record<string, unknown>;

export function createOpenApi(routes: readonly ServedRoute[], version: string): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace("*}", "}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Skerry",
      version,
      description: "The private cloud that you run from a terminal on the machines you own.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://127.0.0.1:7400" }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: { Problem: problemSchema() },
    },
  };
}

function operation(route: ServedRoute): JsonSchema {
  const group = route.id.split(".")[0] ?? route.id;
  return {
    operationId: route.id,
    tags: [group],
    summary: route.summary,
    ...(route.permission === "anyone" ? { security: [] } : { "x-permission": route.permission }),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...requestBody(route),
    responses: {
      [String(route.status)]: success(route),
      default: {
        description: "An RFC 9457 problem document",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as JsonSchema;
  return rest;
}

function properties(schema: z.ZodType): { name: string; schema: JsonSchema; required: boolean }[] {
  const object = schemaOf(schema, "input");
  const required = (object["required"] ?? []) as string[];
  return Object.entries((object["properties"] ?? {}) as Record<string, JsonSchema>).map(([name, value]) => ({
    name,
    schema: value,
    required: required.includes(name),
  }));
}

function pathParameters(route: ServedRoute): JsonSchema[] {
  const known = new Map(properties(route.schemas.params).map((property) => [property.name, property.schema]));
  return pathSegments(route.path).flatMap((segment) => {
    if ("literal" in segment) return [];
    const name = "param" in segment ? segment.param : segment.rest;
    const rest = "rest" in segment ? { description: "May contain slashes" } : {};
    return [{ name, in: "path", required: true, schema: known.get(name) ?? { type: "string" }, ...rest }];
  });
}

function queryParameters(route: ServedRoute): JsonSchema[] {
  return properties(route.schemas.query).map(({ name, schema, required }) => ({
    name,
    in: "query",
    required,
    schema: name === "limit" || name === "from" || name === "revision" ? { ...schema, type: "integer" } : schema,
  }));
}

function requestBody(route: ServedRoute): JsonSchema {
  if (route.kind === "upload") {
    return { requestBody: { required: true, content: { "application/octet-stream": { schema: {} } } } };
  }
  if (route.schemas.body === undefined) return {};
  const schema = schemaOf(route.schemas.body, "input");
  return { requestBody: { required: true, content: { "application/json": { schema } } } };
}

function success(route: ServedRoute): JsonSchema {
  if (route.kind === "terminal") return { description: "A WebSocket that speaks skerry.terminal.v1" };
  if (route.schemas.output !== undefined) {
    const content: JsonSchema = { "application/json": { schema: schemaOf(route.schemas.output, "output") } };
    if (route.watch) content["text/event-stream"] = { schema: { type: "string" } };
    return { description: "Done", content };
  }
  if (route.kind === "download" && route.method === "GET")
    return { description: "The bytes", content: { "*/*": { schema: {} } } };
  return { description: "Done, nothing to say" };
}

function problemSchema(): JsonSchema {
  return {
    type: "object",
    required: ["type", "title", "status", "detail", "code"],
    properties: {
      type: { type: "string" },
      title: { type: "string" },
      status: { type: "integer" },
      detail: { type: "string", description: "What happened and why" },
      code: { enum: Object.keys(ERROR_TABLE) },
      reason: { enum: [...new Set(Object.values(ERROR_TABLE).flatMap((row) => Object.keys(row.reasons)))] },
      hint: { type: "string", description: "What to do next" },
      details: { type: "object" },
      requestId: { type: "string" },
    },
  };
}
