/** What a route can say, as a form: a line here is a field there. */
import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { ENCODINGS, PRIORITIES, REDIRECT_STATUSES } from "@skerry/core/contract/lists.ts";
import {
  SPLIT as AMONG,
  BODY,
  choice,
  conditions,
  FLAG,
  HEADER_RULES,
  LINES,
  NUMBER,
  NUMBERS,
  RATES,
  SIZE,
  SWITCH,
  TEXT,
  TIME,
  WORDS,
} from "../form/codec.ts";
import { changesOf, type FormSection, MORE_PATH, type Spec } from "../form/draft.ts";
import { FIXED, field, when } from "./field.ts";
import { callOf, type Draft, type FormIntent } from "./screen.ts";

const FORWARD = "forward";
const SPLIT = "split";
const REDIRECT = "redirect";
const ANSWER = "answer";
const forwarded = when("@leads", FORWARD, SPLIT);
const toOne = when("@leads", FORWARD);
const redirected = when("@leads", REDIRECT);
const answered = when("@leads", ANSWER);
const cached = when("cache", "yes");
const KINDS = [FORWARD, REDIRECT, ANSWER, SPLIT];
const LEADS = { ...choice(KINDS), choices: KINDS };

export const ROUTE_SECTIONS: readonly FormSection[] = [
  {
    title: "From where to where",
    fields: [
      field("host", "Host", TEXT, "app.example.com, or *.example.com for all below it (operators).", FIXED),
      field("path", "Path", TEXT, "Requests below it; empty: all of the host."),
      field(
        "@leads",
        "Requests are",
        LEADS,
        "Passed on to something, sent elsewhere, answered by the gateway itself, or split among several.",
      ),
      field(
        "to",
        "To",
        TEXT,
        "upstream/NAME, container/NAME:PORT, bucket/NAME or http(s)://HOST[:PORT][/BASE].",
        toOne,
      ),
      field(
        "split",
        "Among",
        AMONG,
        "{variants: [{name: a, to: upstream/a, weight: 9}, {name: b, to: upstream/b}], sticky: {by: cookie}}.",
        when("@leads", SPLIT),
      ),
      field(
        "redirect.to",
        "Sent to",
        TEXT,
        "A URL or path; {scheme} {host} {path} {query} are the request's.",
        redirected,
      ),
      field("redirect.status", "With status", choice(REDIRECT_STATUSES), "302 when nothing is said.", redirected),
      field("respond.status", "Status", NUMBER, "200 to 599.", answered),
      field("respond.body", "Text", BODY, "\\n is a line break.", answered),
      field("respond.contentType", "Content-Type", TEXT, "text/plain; charset=utf-8 when nothing is said.", answered),
      field("@name", "Name", TEXT, "Of the route; made of host and path when nothing is said.", FIXED),
      field("@project", "Project", TEXT, "Your own when nothing is said.", FIXED),
    ],
  },
  {
    title: "Which requests",
    fields: [
      field(
        "match.path",
        "Path is",
        choice(["exact", "regex"]),
        "This path alone, or a pattern: ^/v\\d+/. Else all below it.",
      ),
      field("match.methods", "Methods", WORDS, "GET, POST ...; empty: any."),
      field(
        "match.headers",
        "Headers",
        conditions(": "),
        "NAME: VALUE, NAME for any value, !NAME for none, NAME ~ PATTERN.",
      ),
      field("match.query", "Query", conditions("="), "NAME=VALUE, NAME, !NAME, NAME ~ PATTERN."),
      field("match.cookies", "Cookies", conditions("="), "NAME=VALUE, NAME, !NAME, NAME ~ PATTERN."),
    ],
  },
  {
    title: "Who may come, and how much",
    fields: [
      field("access.allow", "Allow", LINES, "10.0.0.0/8, 2001:db8::/32, an address, or iplist/NAME: these alone."),
      field("access.block", "Block", LINES, "The same: not these, also when they are allowed."),
      field(
        "limits.rate",
        "Rates",
        RATES,
        "ip=100/1m+20: of each address 100 a minute, 20 at once. header:NAME, route, project.",
      ),
      field("limits.inFlight", "At once", NUMBER, "Requests that are served at once; beyond: 503."),
      field("limits.inFlightPerClient", "Of one client", NUMBER, "Of them, in each worker; beyond: 429."),
      field("limits.maxBodyBytes", "Largest body", SIZE, "Of a request: 10m; beyond: 413."),
      field("limits.maxHeaderBytes", "Largest head", SIZE, "Of a request: 8k; beyond: 431."),
      field("priority", "Priority", choice(PRIORITIES), "Who is refused first when there is too much to do."),
      field("redirectHttps", "HTTPS only", FLAG, "Who asks without TLS is sent to HTTPS (308)."),
    ],
  },
  {
    title: "What is changed on the way",
    fields: [
      field("rewrite.path", "Whole path", TEXT, "What the upstream is asked for; the query stays.", forwarded),
      field("rewrite.prefix", "Its prefix", TEXT, "In the place of the route's path; / takes it away.", forwarded),
      field("rewrite.regex", "Pattern", TEXT, "What it finds of the path is replaced.", forwarded),
      field("rewrite.with", "Replaced by", TEXT, "$1 to $9 are the groups of the pattern.", when("rewrite.regex")),
      field("hostHeader", "Host sent", TEXT, "To the upstream; {host} is the client's.", forwarded),
      field(
        "headers.request",
        "Of requests",
        HEADER_RULES,
        "NAME: VALUE sets, +NAME: VALUE adds, -NAME removes; {client_ip} {host} {request_id}.",
      ),
      field("headers.response", "Of answers", HEADER_RULES, "NAME: VALUE sets, +NAME: VALUE adds, -NAME removes."),
    ],
  },
  {
    title: "Pages of other origins (CORS)",
    fields: [
      field("cors.origins", "Origins", LINES, "https://app.example.com, https://*.example.com, or * for every page."),
      field("cors.methods", "Methods", WORDS, "GET, HEAD, POST when nothing is said; * for any.", when("cors.origins")),
      field(
        "cors.headers",
        "Headers",
        WORDS,
        "That pages may send; * for any but Authorization.",
        when("cors.origins"),
      ),
      field("cors.expose", "Shown headers", WORDS, "Of answers, that pages may read.", when("cors.origins")),
      field("cors.credentials", "Credentials", FLAG, "Cookies and the like; not with *.", when("cors.origins")),
      field("cors.maxAge", "Remembered", NUMBER, "Seconds that a browser need not ask again.", when("cors.origins")),
    ],
  },
  {
    title: "Compression and cache",
    fields: [
      field("compress", "Compress", SWITCH, "Answers, for clients that take it."),
      field(
        "compress.types",
        "Types",
        WORDS,
        "text/html, text/*; what is text when nothing is said.",
        when("compress", "yes"),
      ),
      field("compress.minBytes", "From", SIZE, "Shorter answers are left alone; 1k.", when("compress", "yes")),
      field(
        "compress.algorithms",
        "With",
        WORDS,
        `${ENCODINGS.join(", ")}: the first that a client wants as much.`,
        when("compress", "yes"),
      ),
      field("compress.level", "Level", NUMBER, "1 (fast) to 9 (small).", when("compress", "yes")),
      field("cache", "Keep answers", SWITCH, "For others; never those to requests with credentials."),
      field("cache.ttl", "Fresh for", NUMBER, "Seconds, of which the upstream says nothing; 30.", cached),
      field("cache.override", "Always so", FLAG, "Whatever the upstream says.", cached),
      field(
        "cache.staleWhileRevalidate",
        "Old, anew",
        NUMBER,
        "Seconds that one is given while it is renewed.",
        cached,
      ),
      field("cache.staleIfError", "Old, failing", NUMBER, "Seconds that one is given when the upstream fails.", cached),
      field("cache.maxBytes", "Largest", SIZE, "Of one body; 1m.", cached),
      field(
        "cache.statuses",
        "Statuses",
        NUMBERS,
        "200, 203, 300, 301, 308, 404 and 410 when nothing is said.",
        cached,
      ),
      field("cache.keyHeaders", "Told apart by", WORDS, "Request headers, besides what Vary names.", cached),
      field("cache.keyQuery", "By parameters", WORDS, "Of the query; all of it when nothing is said.", cached),
    ],
  },
  {
    title: "The upstream: time, retries, protocol",
    fields: [
      field("timeouts.connectMs", "Connect", TIME, "Until there is a connection: 10s.", forwarded),
      field("timeouts.headMs", "Head", TIME, "From the request's end to the answer's head: 60s.", forwarded),
      field("timeouts.bodyMs", "Body", TIME, "A body may stand still for so long: 60s.", forwarded),
      field(
        "timeouts.totalMs",
        "Total",
        TIME,
        "From the request to the answer's end; no bound when nothing is said.",
        forwarded,
      ),
      field(
        "retries.attempts",
        "Retries",
        NUMBER,
        "More than the first one, where that is safe (GET, PUT, never POST).",
        forwarded,
      ),
      field(
        "retries.on",
        "After",
        WORDS,
        "connect, reset, 502, 503, 504, timeout; all but timeout.",
        when("retries.attempts"),
      ),
      field(
        "retries.budgetPercent",
        "Budget",
        NUMBER,
        "Percent of the requests that come; 10.",
        when("retries.attempts"),
      ),
      field(
        "retries.backoffMs",
        "Pause",
        TIME,
        "Up to this, then up to twice as much: 25ms.",
        when("retries.attempts"),
      ),
      field("tags", "Tags", WORDS, "With upstream/NAME: only backends that have all of them.", toOne),
      field(
        "protocol",
        "Protocol",
        choice(["auto", "http/1.1", "h2"]),
        "auto: HTTP/2 where https:// offers it.",
        forwarded,
      ),
      field(
        "upstreamTls.serverName",
        "Its name",
        TEXT,
        "In its certificate; as in To when nothing is said.",
        forwarded,
      ),
      field(
        "upstreamTls.clientCertificate",
        "Shown to it",
        TEXT,
        "Certificate of the project (use: client).",
        forwarded,
      ),
    ],
  },
  {
    title: "Below HTTP, and the rest",
    fields: [
      field("listen", "Listener", TEXT, "Instead of a host: tcp://:5432, udp://:53, ssh://:22, tls://HOST.", FIXED),
      field(
        "proxyProtocol",
        "Told who asks",
        choice(["v1", "v2"]),
        "The backend, in the PROXY protocol.",
        when("listen"),
      ),
      field(
        MORE_PATH,
        "More",
        TEXT,
        "All that has no field, as YAML: {canary: {variant: next}, hedge: {afterMs: 50}}.",
      ),
    ],
  },
];

/** What says of one that it is no more, where that is not null. */
const GONE = { path: "/", match: {}, tags: [], protocol: "auto", proxyProtocol: "none" };

export function newRoute(): FormIntent {
  return {
    ...shared,
    title: "New route",
    sections: ROUTE_SECTIONS,
    beside: { "@leads": FORWARD },
    call: ({ spec, said }, dryRun) =>
      callOf(routeRoutes.create, {
        query: dryRun ? { dryRun: "1" } : {},
        body: {
          ...(said("@name") === "" ? {} : { name: said("@name") }),
          ...(said("@project") === "" ? {} : { project: said("@project") }),
          // What it says is for the cloud to check.
          spec: spec as RouteView["spec"],
        },
      }),
    done: ({ spec }) => `${placeOf(spec)} is a route`,
  };
}

export function editRoute({ meta, spec }: RouteView): FormIntent {
  const params = { name: meta.name };
  const query = { project: meta.project };
  return {
    ...shared,
    title: `Route ${meta.name}`,
    sections: ROUTE_SECTIONS,
    before: { spec: spec as Spec, revision: meta.revision },
    beside: { "@leads": leadsOf(spec), "@name": meta.name, "@project": meta.projectName ?? meta.project },
    call: (draft, dryRun) => {
      const changes = changedRoute(draft);
      if (Object.keys(changes).length === 0) return undefined;
      return callOf(routeRoutes.update, {
        params,
        query: { ...query, ...(dryRun ? { dryRun: "1" } : {}) },
        body: { spec: changes, ...(draft.revision === undefined ? {} : { revision: draft.revision }) },
      });
    },
    done: () => `route ${meta.name} changed`,
    read: callOf(routeRoutes.get, { params, query }),
  };
}

/** A new destination takes the place of the one before. */
function changedRoute({ before, spec }: Draft): Record<string, unknown> {
  const others = [SPLIT, REDIRECT, "respond"];
  const isElsewhere = others.some((name) => spec[name] !== undefined);
  const changes = changesOf(before, spec, { ...GONE, to: isElsewhere ? undefined : "" });
  for (const name of others) if (changes[name] === null) delete changes[name];
  return changes;
}

const shared = {
  kind: "form",
  specOf: (item: unknown) => {
    const { spec, meta } = item as RouteView;
    return { spec: spec as Spec, revision: meta.revision };
  },
} as const;

function leadsOf({ split, redirect, respond }: RouteView["spec"]): string {
  if (split !== undefined) return SPLIT;
  if (redirect !== undefined) return REDIRECT;
  return respond === undefined ? FORWARD : ANSWER;
}

function placeOf(spec: Spec): string {
  const { listen, host = "", path = "" } = spec as { listen?: string; host?: string; path?: string };
  return listen ?? `${host}${path}`;
}
