import type { RouteView } from "../api/route.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { canaryLines, formatActions, formatDestination } from "./route-actions.ts";
import { formatBrief, formatBytes } from "./values.ts";

type RateView = NonNullable<NonNullable<RouteView["spec"]["limits"]>["rate"]>[number];

export const routePresentation: Presentation<RouteView> = {
  kind: "route",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE", "MATCH", "PROJECT", "TO"],
  facts: [
    { title: "VARIANTS", value: (view) => variantsOf(view) },
    { title: "CANARY", value: ({ spec, status }) => canaryOf(spec.canary, status?.canary) },
    { title: "STICKY", value: ({ spec }) => stickyOf(spec.split) },
    { title: "ACTIONS", value: ({ spec }) => formatActions(spec) },
    { title: "ALLOWED", value: ({ spec }) => spec.access?.allow?.join(", ") ?? [] },
    { title: "BLOCKED", value: ({ spec }) => spec.access?.block?.join(", ") ?? [] },
    { title: "RATES", value: ({ spec }) => spec.limits?.rate?.map(formatRate) ?? [] },
    { title: "LIMITS", value: ({ spec }) => limitsOf(spec) },
    { title: "PREVIOUS TO", value: ({ status }) => status?.previousTo ?? [] },
    { title: "PROXY PROTOCOL", value: ({ spec }) => spec.proxyProtocol ?? [] },
    { title: "TIMEOUTS", value: ({ spec }) => timeoutsOf(spec.timeouts) },
    { title: "RETRIES", value: ({ spec }) => retriesOf(spec.retries) },
    { title: "HEDGE", value: ({ spec }) => hedgeOf(spec.hedge) },
    { title: "FORWARDED BY", value: ({ status }) => forwarderOf(status) },
    { title: "CONNECTIONS", value: ({ status }) => connectionsOf(status) },
    { title: "TRAFFIC", value: ({ status }) => trafficOf(status) },
  ],
  columns: [
    nameColumn,
    projectColumn,
    // It is copied from here: a part of it leads nowhere.
    { title: "URL", cell: ({ spec, status }) => status?.url ?? spec.listen ?? `${spec.host}${spec.path}`, whole: true },
    {
      title: "MATCH",
      cell: ({ spec }) => formatMatch(spec).join(" ") || "-",
      enough: 10,
      apart: true,
      lines: ({ spec }) => formatMatch(spec),
    },
    { title: "TO", cell: ({ spec }) => formatDestination(spec) },
    {
      title: "STATE",
      cell: ({ status }) => formatBrief(stateOf(status)),
      enough: 24,
      lines: ({ status }) => [stateOf(status)],
    },
    createdColumn,
    labelsColumn,
  ],
};

function variantsOf({ spec: { split }, status }: RouteView): readonly string[] {
  return (split?.variants ?? []).map(({ name, to, tags = [], weight = 1 }) => {
    const { traffic, state, reason } = status?.variants?.find((one) => one.name === name) ?? {};
    return [
      `${name} ${to}`,
      ...(tags.length === 0 ? [] : [`tags ${tags.join()}`]),
      `weight ${weight}`,
      ...(traffic === undefined
        ? []
        : [`${traffic.requests} requests`, `${traffic.failed} failed`, `p95 ${formatMs(Math.round(traffic.p95Ms))}`]),
      ...(state === "down" ? [`down: ${reason ?? "-"}`] : []),
    ].join("; ");
  });
}

function canaryOf(
  canary: RouteView["spec"]["canary"],
  status: NonNullable<RouteView["status"]>["canary"],
): readonly string[] {
  return canary === undefined || status === undefined ? [] : canaryLines(canary, status);
}

function stickyOf(split: RouteView["spec"]["split"]): readonly string[] {
  if (split?.sticky === undefined) return [];
  const { by, name, ttlSeconds } = split.sticky;
  return [`by ${by}${name === undefined ? "" : ` ${name}`}${ttlSeconds === undefined ? "" : ` for ${ttlSeconds} s`}`];
}

function timeoutsOf(timeouts: RouteView["spec"]["timeouts"] = {}): readonly string[] {
  const said = Object.entries(timeouts as Readonly<Record<string, number>>).map(
    ([name, ms]) => `${name.replace(/Ms$/, "")} ${formatMs(ms)}`,
  );
  return said.length === 0 ? [] : [said.join(", ")];
}

function retriesOf(retries: RouteView["spec"]["retries"]): readonly string[] {
  if (retries === undefined) return [];
  const { attempts, on, budgetPercent, backoffMs } = retries;
  return [
    [
      `${attempts} at most`,
      ...(on === undefined ? [] : [`on ${on.join(", ")}`]),
      ...(budgetPercent === undefined ? [] : [`budget ${budgetPercent} %`]),
      ...(backoffMs === undefined ? [] : [`pause ${formatMs(backoffMs)}`]),
    ].join("; "),
  ];
}

function hedgeOf(hedge: RouteView["spec"]["hedge"]): readonly string[] {
  if (hedge === undefined) return [];
  const { after, afterMs = 0, most = 1, budgetPercent } = hedge;
  return [
    [
      `after ${after ?? formatMs(afterMs)}`,
      ...(most === 1 ? [] : [`${most} at most`]),
      ...(budgetPercent === undefined ? [] : [`budget ${budgetPercent} %`]),
    ].join("; "),
  ];
}

function formatMs(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}

function formatRate({ by, requests, per, burst = requests }: RateView): string {
  const many = requests === 1 ? "1 request" : `${requests} requests`;
  return `${many} per ${per} by ${by}, ${burst} at once`;
}

function limitsOf({ limits = {}, priority }: RouteView["spec"]): readonly string[] {
  const { inFlight, inFlightPerClient, maxBodyBytes, maxHeaderBytes } = limits;
  return [
    ...(priority === undefined ? [] : [`${priority} priority`]),
    ...(inFlight === undefined ? [] : [`${inFlight} requests at once`]),
    ...(inFlightPerClient === undefined ? [] : [`${inFlightPerClient} at once of one client`]),
    ...(maxBodyBytes === undefined ? [] : [`${formatBytes(maxBodyBytes)} of body`]),
    ...(maxHeaderBytes === undefined ? [] : [`${formatBytes(maxHeaderBytes)} of head`]),
  ];
}

function forwarderOf(status: RouteView["status"]): readonly string[] {
  if (status?.forwarding === undefined) return [];
  const { by, reason } = status.forwarding;
  return by === "kernel" ? ["the kernel (nftables)"] : [`the gateway; not the kernel: ${reason ?? "-"}`];
}

function connectionsOf(status: RouteView["status"]): readonly string[] {
  if (status?.traffic === undefined) return [];
  const { connections, open, failed, refused } = status.traffic;
  const troubles = [
    ...(failed > 0 ? [`${failed} did not reach the backend`] : []),
    ...(refused > 0 ? [`${refused} were too many`] : []),
  ];
  return [`${connections} since the start, ${open} open`, ...troubles];
}

function trafficOf(status: RouteView["status"]): readonly string[] {
  if (status?.traffic === undefined) return [];
  const { bytesIn, bytesOut } = status.traffic;
  return [`${formatBytes(bytesIn)} in, ${formatBytes(bytesOut)} out`];
}

/** What a request must have besides host and path prefix, a part for each: `GET,POST`, `x-api: v2`, `?debug`, `no cookie a`. */
function formatMatch({ path, match }: RouteView["spec"]): string[] {
  if (match === undefined) return [];
  const parts = match.path === undefined ? [] : [match.path === "exact" ? "exact" : `~ ${path}`];
  if (match.methods !== undefined) parts.push(match.methods.join());
  for (const [place, before, between] of [
    ["headers", "", ": "],
    ["query", "?", "="],
    ["cookies", "cookie ", "="],
  ] as const) {
    for (const { name, type, value } of match[place] ?? []) {
      const wanted = type === "regex" ? ` ~ ${value}` : `${between}${value}`;
      parts.push(`${type === "absent" ? "no " : ""}${before}${name}${value === undefined ? "" : wanted}`);
    }
  }
  return parts;
}

function stateOf(status: RouteView["status"]): string {
  if (status === undefined) return "-";
  return status.reason === undefined ? status.state : `${status.state}: ${status.reason}`;
}
