import { z } from "zod";
import { CLIENT_TLS_MODES, UPSTREAM_PROTOCOLS } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import {
  IN_PROJECT,
  nameParams,
  nameSchema,
  noParams,
  noQuery,
  ownedFields,
  projectQuery,
  resourceSchema,
  resourceSchemas,
} from "../schema.ts";
import { actionChanges, actionFields } from "./route-actions.ts";
import { canaryBody, canaryChanges, canaryFields, canaryStatus } from "./route-canary.ts";
import { deliveryChanges, deliveryFields } from "./route-delivery.ts";
import { accessSchema, limitsSchema, prioritySchema } from "./route-guards.ts";
import { splitFields, variantStatus } from "./route-split.ts";
import { upstreamTls } from "./upstream-tls.ts";

const condition = z.strictObject({
  name: z.string().max(256),
  type: z.enum(["exact", "regex", "present", "absent"]),
  value: z.string().max(1024).optional().describe("For exact and regex"),
});
const conditions = (what: string) => z.array(condition).max(64).optional().describe(`What ${what} must be there`);
const match = z
  .strictObject({
    path: z.enum(["exact", "regex"]).optional().describe("How path is read; absent: as a prefix"),
    methods: z.array(z.string().max(256)).max(64).optional().describe("One of them; absent: any"),
    headers: conditions("headers"),
    query: conditions("parameters of the query"),
    cookies: conditions("cookies"),
  })
  .describe("What a request must have besides host and path; replaced as a whole, {} for nothing");
const clientTls = z
  .strictObject({
    mode: z
      .enum(CLIENT_TLS_MODES)
      .describe("require: without a good certificate 403; request: passed on when there is one"),
    ca: z.string().max(LIMITS.gateway.maxChainLength).describe("PEM: the authorities whose certificates count"),
    crl: z.string().max(LIMITS.gateway.maxCrlLength).optional().describe("PEM: what each of them has revoked"),
  })
  .describe("Clients show a certificate; the same for all routes of a host that have it");
const spec = z.strictObject({
  host: z.string().max(255).optional().describe("Host name, or *.NAME for all below it (operators); cannot be changed"),
  path: z
    .string()
    .max(LIMITS.gateway.maxRoutePath)
    .optional()
    .describe(
      "Prefix of paths, matched by whole segments, unless match.path says that it is exact or a pattern; default /",
    ),
  match: match.optional(),
  listen: z
    .string()
    .max(300)
    .optional()
    .describe(
      "Instead of host and path, below HTTP: tcp://:PORT, udp://:PORT, ssh://:PORT, tls://HOST or tls://HOST:PORT; cannot be changed",
    ),
  proxyProtocol: z
    .enum(["v1", "v2", "none"])
    .optional()
    .describe("With a listener, not udp: how the backend is told who asks; default none"),
  to: z
    .string()
    .max(2048)
    .optional()
    .describe(
      "Where it leads, unless split, redirect or respond says so: http(s)://HOST[:PORT][/BASE], h2c:// likewise, container/NAME:PORT, bucket/NAME or upstream/NAME; https+container/... speaks TLS; below HTTP tcp://HOST:PORT or container/NAME:PORT",
    ),
  protocol: z
    .enum(UPSTREAM_PROTOCOLS)
    .optional()
    .describe("Spoken with what it leads to; auto: HTTP/2 where an https:// upstream offers it, else HTTP/1.1"),
  clientTls: clientTls.optional(),
  upstreamTls: upstreamTls.optional(),
  tags: z
    .array(nameSchema)
    .max(LIMITS.gateway.maxTags)
    .optional()
    .describe("With upstream/NAME: only backends that have all of them"),
  ...splitFields,
  ...canaryFields,
  ...deliveryFields,
  ...actionFields,
  access: accessSchema.optional(),
  limits: limitsSchema.optional(),
  priority: prioritySchema.optional(),
});
export const routeSchema = resourceSchema("route", spec).extend({
  status: z
    .object({
      url: z.string().describe("Where it answers on this node"),
      state: z.enum(["ready", "down"]),
      reason: z.string().optional().describe("Why it is down"),
      previousTo: z.string().optional().describe("Where it led before; a switch leads it back"),
      variants: variantStatus,
      canary: canaryStatus,
      forwarding: z
        .object({ by: z.enum(["kernel", "workers"]), reason: z.string().optional().describe("Why not the kernel") })
        .optional()
        .describe("Below HTTP: who carries the bytes"),
      traffic: z
        .object({
          connections: z.int().describe("That were taken"),
          open: z.int(),
          bytesIn: z.int().describe("From clients"),
          bytesOut: z.int().describe("To clients"),
          failed: z.int().describe("That did not reach the backend"),
          refused: z.int().describe("That were too many"),
        })
        .optional()
        .describe("Below HTTP: what it has carried since the daemon's start"),
    })
    .optional(),
});
export type RouteView = z.infer<typeof routeSchema>;

const route = resourceSchemas({ schema: routeSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const routeSchemas = {
  list: route.list,
  get: route.get,
  create: route.create({
    ...ownedFields,
    name: nameSchema.optional().describe("Default: made of host and path"),
    spec,
  }),
  update: route.update(
    spec.partial().extend({
      ...{ clientTls: clientTls.nullable().optional(), upstreamTls: upstreamTls.nullable().optional() },
      ...deliveryChanges,
      ...actionChanges,
      ...canaryChanges,
      access: accessSchema.nullable().optional(),
      limits: limitsSchema.nullable().optional(),
      priority: prioritySchema.nullable().optional(),
    }),
  ),
  delete: route.delete,
  purge: {
    params: nameParams,
    query: projectQuery,
    body: z.strictObject({
      path: z
        .string()
        .max(LIMITS.proxy.maxTargetBytes)
        .regex(/^\/[\x21-\x7e]*$/, { error: "a path begins with /" })
        .optional()
        .describe("Only of this path, with all its queries; with a * at its end of all that begin so"),
    }),
  },
  canary: {
    params: nameParams,
    query: projectQuery,
    body: canaryBody,
    output: routeSchema,
  },
  switch: {
    params: nameParams,
    query: projectQuery,
    body: z.strictObject({
      to: z.string().max(2048).optional().describe("Where it leads from now on"),
      back: z.boolean().optional().describe("Instead: true leads it to where it led before"),
    }),
    output: routeSchema,
  },
  ticket: {
    params: noParams,
    query: noQuery,
    body: z.strictObject({ project: z.string().max(64).optional().describe("Name or uid; default: your own") }),
    output: z.object({
      header: z.string().describe("Name of the header that is sent with a request"),
      ticket: z.string().describe("Its value"),
      expiresAt: z.string(),
    }),
  },
  explain: {
    params: noParams,
    query: noQuery,
    body: z.strictObject({
      method: z.string().max(64),
      url: z.string().max(16_384).describe("http(s)://HOST/PATH?QUERY, or without the scheme"),
      headers: z
        .array(z.strictObject({ name: z.string().min(1).max(256), value: z.string().max(16_384) }))
        .max(LIMITS.proxy.maxHeaders)
        .optional(),
      client: z.string().max(64).optional().describe("Address that it comes from, for routes that do not take all"),
    }),
    output: z.object({
      steps: z.array(
        z.object({
          about: z.enum(["request", "host", "path", "route", "access", "limits"]),
          name: z.string().optional().describe("Of the host or route that it is about"),
          verdict: z.enum(["wins", "no", "note"]),
          why: z.string(),
        }),
      ),
      outcome: z.object({
        state: z.enum(["route", "none", "refused"]).describe("refused: the gateway answers so itself"),
        text: z.string(),
        route: z.string().optional(),
        project: z.string().optional().describe("Name of the route's project"),
        rule: z.string().optional().describe("Why this route"),
        to: z.string().optional(),
        variants: z
          .array(z.object({ name: z.string(), to: z.string(), percent: z.number() }))
          .optional()
          .describe("Of a split: where the request may go, and with which chance"),
        url: z.string().optional(),
        backend: z.object({ state: z.enum(["ready", "down"]), reason: z.string().optional() }).optional(),
        choice: z
          .object({
            backends: z.array(z.object({ name: z.string(), to: z.string(), eligible: z.boolean(), why: z.string() })),
            how: z.array(z.string()).describe("How one of them is chosen: rules in the order in which they hold"),
          })
          .optional()
          .describe("Where it leads to an upstream that you may see"),
      }),
    }),
  },
};

/** What goes in and out, by route. */
export const authoritySchemas = {
  get: { params: noParams, query: noQuery, output: z.object({ certificate: z.string().describe("PEM") }) },
};
