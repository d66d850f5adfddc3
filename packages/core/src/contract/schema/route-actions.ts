/** What a route does with requests besides passing them on, or instead. */
import { z } from "zod";
import { ENCODINGS } from "../../domain/compress-rules.ts";
import { REDIRECT_STATUSES } from "../../domain/route-actions.ts";

const headers = z.record(z.string().max(256), z.string().max(4096));
const redirect = z
  .strictObject({
    to: z
      .string()
      .max(4096)
      .describe("URL, or path; {scheme}, {host}, {path} and {query} (with its ?) are those of the request"),
    status: z.literal(REDIRECT_STATUSES).optional().describe("Default 302"),
  })
  .describe("Instead of to: requests are sent elsewhere");
const respond = z
  .strictObject({
    status: z.int().describe("200 to 599"),
    contentType: z.string().max(4096).optional().describe("Default text/plain; charset=utf-8"),
    body: z.string().max(65_536).optional().describe("Up to 64 KiB"),
    headers: headers.optional(),
  })
  .describe("Instead of to: the gateway gives this answer itself");

const rewrite = z
  .strictObject({
    path: z.string().max(1024).optional().describe("The whole path"),
    prefix: z.string().max(1024).optional().describe("Instead of the route's path; / takes it away"),
    regex: z.string().max(1024).optional().describe("What is found of the path is replaced by with"),
    with: z.string().max(1024).optional().describe("$1 to $9 are the groups of regex, $& is all that it has found"),
  })
  .describe("The path that the upstream is asked for; the query stays");

const rules = z.strictObject({
  set: headers
    .optional()
    .describe("In place of all of that name; {client_ip}, {host}, {request_id}, {scheme} are the request's"),
  add: headers.optional().describe("Beside those that are there"),
  remove: z.array(z.string().max(256)).max(64).optional(),
});
const headerActions = z
  .strictObject({
    request: rules.optional().describe("Of requests, to the upstream"),
    response: rules.optional().describe("Of answers, to the client"),
  })
  .describe("Headers that are set, added or removed");
const names = z.array(z.string().max(256)).max(128);
const cors = z
  .strictObject({
    origins: names.describe("https://app.example.com, https://*.example.com, or * for every page"),
    methods: names.optional().describe("Default GET, HEAD, POST; * for any"),
    headers: names.optional().describe("That pages may send; * for any but Authorization"),
    expose: names.optional().describe("Headers of answers that pages may read"),
    credentials: z.boolean().optional().describe("With cookies and other credentials; not with *"),
    maxAge: z.int().optional().describe("Seconds that a browser need not ask again"),
  })
  .describe("Pages of other origins may use the route");
const compress = z
  .strictObject({
    types: names.optional().describe("text/html, text/*, application/*+json; default: what is text"),
    minBytes: z.int().optional().describe("Shorter answers are left alone; default 1024"),
    algorithms: z.array(z.enum(ENCODINGS)).max(8).optional().describe("The first of those that a client wants as much"),
    level: z.int().optional().describe("1 (fast) to 9 (small)"),
  })
  .describe("Answers are compressed for clients that take it; {} for what is usual");
const cache = z
  .strictObject({
    ttl: z.int().optional().describe("Seconds that an answer is fresh of which the upstream says nothing; default 30"),
    override: z.boolean().optional().describe("ttl holds whatever the upstream says; not for what it forbids to keep"),
    staleWhileRevalidate: z
      .int()
      .optional()
      .describe("Seconds that one is given after that while it is asked for anew, unless the upstream says; default 0"),
    staleIfError: z.int().optional().describe("The same when the upstream fails; default 0"),
    maxBytes: z.int().optional().describe("Of one body; default 1 MiB"),
    statuses: z.array(z.int()).max(64).optional().describe("Default 200, 203, 300, 301, 308, 404 and 410"),
    keyHeaders: names.optional().describe("Request headers that tell answers apart, besides what Vary names"),
    keyQuery: names.optional().describe("Parameters of the query that do; default: all of it"),
  })
  .describe("Answers are kept for others; never those to requests with credentials. {} for what is usual");
const hostHeader = z
  .string()
  .max(512)
  .describe("Host of requests to the upstream; default: of https:// its own, else {host}, the client's");

export const actionFields = {
  redirect: redirect.optional(),
  respond: respond.optional(),
  redirectHttps: z.boolean().optional().describe("Who asks without TLS is sent to HTTPS (308)"),
  rewrite: rewrite.optional(),
  headers: headerActions.optional(),
  hostHeader: hostHeader.optional(),
  cors: cors.optional(),
  compress: compress.optional(),
  cache: cache.optional(),
};
/** Of an update: null takes away. */
export const actionChanges = {
  redirect: redirect.nullable().optional(),
  respond: respond.nullable().optional(),
  redirectHttps: z.boolean().nullable().optional(),
  rewrite: rewrite.nullable().optional(),
  headers: headerActions.nullable().optional(),
  hostHeader: hostHeader.nullable().optional(),
  cors: cors.nullable().optional(),
  compress: compress.nullable().optional(),
  cache: cache.nullable().optional(),
};
