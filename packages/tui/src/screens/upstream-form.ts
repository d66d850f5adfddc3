/** What an upstream can say, as a form: a line here is a field there. */
import { type UpstreamView, upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { BALANCE_METHODS, HASH_KEYS } from "@skerry/core/contract/lists.ts";
import { BACKENDS, choice, NUMBER, SWITCH, TEXT, TIME } from "../form/codec.ts";
import { changesOf, type FormSection, MORE_PATH, type Spec } from "../form/draft.ts";
import { FIXED, field, when } from "./field.ts";
import { callOf, type FormIntent } from "./screen.ts";

const hashed = when("balance.method", "hash");

export const UPSTREAM_SECTIONS: readonly FormSection[] = [
  {
    title: "Name and backends",
    fields: [
      field("@name", "Name", TEXT, "Routes lead to it as upstream/NAME.", FIXED),
      field(
        "backends",
        "Backends",
        BACKENDS,
        "a=http://10.0.0.7:3000, then a line for the next; ,weight=2 ,tag=gpu ,drain behind it.",
      ),
      field("@project", "Project", TEXT, "Your own when nothing is said.", FIXED),
    ],
  },
  {
    title: "How requests are spread",
    fields: [
      field(
        "balance.method",
        "Balance",
        choice(BALANCE_METHODS),
        "round-robin when nothing is said; weights count in all of them.",
      ),
      field("balance.on", "Alike in", choice(HASH_KEYS), "What goes to one backend when it is alike.", hashed),
      field("balance.name", "Its name", TEXT, "Of the header, cookie or parameter.", hashed),
      field(
        "sticky.by",
        "Come back by",
        choice(["cookie", "header"]),
        "Clients come back to the backend that they had.",
      ),
      field("sticky.name", "Named", TEXT, "skerry-NAME when nothing is said of a cookie.", when("sticky.by")),
      field(
        "sticky.ttlSeconds",
        "For",
        NUMBER,
        "Seconds; until the browser ends when nothing is said.",
        when("sticky.by", "cookie"),
      ),
      field("slowStartMs", "Ramp-up", TIME, "The weight of one that is new or comes back grows for so long."),
    ],
  },
  {
    title: "Health checks",
    fields: [
      field("health", "Ask them", SWITCH, "Each worker asks each backend, on connections of its own."),
      field(
        "health.path",
        "Path",
        TEXT,
        "Asked with GET; a connection is enough when nothing is said.",
        when("health", "yes"),
      ),
      field(
        "health.host",
        "Host",
        TEXT,
        "Of these requests; the backend's when nothing is said.",
        when("health", "yes"),
      ),
      field("health.status", "Good status", TEXT, "200 or 200-399.", when("health", "yes")),
      field("health.intervalMs", "Every", TIME, "5s, a fifth more or less.", when("health", "yes")),
      field("health.timeoutMs", "Within", TIME, "2s.", when("health", "yes")),
      field("health.healthy", "Back after", NUMBER, "Good ones in a row; 2.", when("health", "yes")),
      field("health.unhealthy", "Out after", NUMBER, "Bad ones in a row; 3.", when("health", "yes")),
    ],
  },
  {
    title: "Backends that fail",
    fields: [
      field("breaker", "Breaker", SWITCH, "One that fails gets no requests for a while."),
      field("breaker.failures", "After", NUMBER, "Failures in a row; 5.", when("breaker", "yes")),
      field(
        "breaker.ratioPercent",
        "Or percent",
        NUMBER,
        "Of the requests within the window; 50.",
        when("breaker", "yes"),
      ),
      field("breaker.windowMs", "Window", TIME, "10s.", when("breaker", "yes")),
      field("breaker.minRequests", "Of at least", NUMBER, "Requests in it; 20.", when("breaker", "yes")),
      field("breaker.openMs", "Open for", TIME, "5s, then twice as long each time.", when("breaker", "yes")),
      field("breaker.maxOpenMs", "At most", TIME, "1m.", when("breaker", "yes")),
      field("breaker.probes", "Probes", NUMBER, "Requests that are let through then; 1.", when("breaker", "yes")),
      field("ejection", "Ejection", SWITCH, "One that fails while others do not is left out for a while."),
      field("ejection.failures", "After", NUMBER, "Failures in a row; 5.", when("ejection", "yes")),
      field("ejection.baseMs", "For", TIME, "30s, then twice, three times as long.", when("ejection", "yes")),
      field("ejection.maxPercent", "At most", NUMBER, "Percent of the backends; 50.", when("ejection", "yes")),
    ],
  },
  {
    title: "Protocol, and the rest",
    fields: [
      field("protocol", "Protocol", choice(["auto", "http/1.1", "h2"]), "auto: HTTP/2 where https:// offers it."),
      field(
        "upstreamTls.serverName",
        "Its name",
        TEXT,
        "In its certificate; as in the backend's when nothing is said.",
      ),
      field("upstreamTls.clientCertificate", "Shown to it", TEXT, "Certificate of the project (use: client)."),
      field(MORE_PATH, "More", TEXT, "All that has no field, as YAML."),
    ],
  },
];

/** What says of one that it is no more, where that is not null. */
const GONE = { balance: { method: "round-robin" }, protocol: "auto", backends: [] };

export function newUpstream(): FormIntent {
  return {
    ...shared,
    title: "New upstream",
    sections: UPSTREAM_SECTIONS,
    beside: {},
    call: ({ spec, said }, dryRun) =>
      callOf(upstreamRoutes.create, {
        query: dryRun ? { dryRun: "1" } : {},
        body: {
          name: said("@name"),
          ...(said("@project") === "" ? {} : { project: said("@project") }),
          // What it says is for the cloud to check.
          spec: { backends: [], ...spec } as UpstreamView["spec"],
        },
      }),
    done: ({ said }) => `upstream ${said("@name")} created`,
  };
}

export function editUpstream({ meta, spec }: UpstreamView): FormIntent {
  const params = { name: meta.name };
  const query = { project: meta.project };
  return {
    ...shared,
    title: `Upstream ${meta.name}`,
    sections: UPSTREAM_SECTIONS,
    before: { spec: spec as Spec, revision: meta.revision },
    beside: { "@name": meta.name, "@project": meta.projectName ?? meta.project },
    call: (draft, dryRun) => {
      const changes = changesOf(draft.before, draft.spec, GONE);
      if (Object.keys(changes).length === 0) return undefined;
      return callOf(upstreamRoutes.update, {
        params,
        query: { ...query, ...(dryRun ? { dryRun: "1" } : {}) },
        body: { spec: changes, ...(draft.revision === undefined ? {} : { revision: draft.revision }) },
      });
    },
    done: () => `upstream ${meta.name} changed`,
    read: callOf(upstreamRoutes.get, { params, query }),
  };
}

const shared = {
  kind: "form",
  specOf: (item: unknown) => {
    const { spec, meta } = item as UpstreamView;
    return { spec: spec as Spec, revision: meta.revision };
  },
} as const;
