import type { UpstreamView } from "../api/upstream.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBrief } from "./values.ts";

export const upstreamPresentation: Presentation<UpstreamView> = {
  kind: "upstream",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE", "PROJECT", "BALANCE"],
  facts: [
    { title: "CONNECTIONS", value: (view) => perBackend(view, connectionsOf) },
    { title: "CARE", value: (view) => perBackend(view, careOf) },
    { title: "STICKY", value: ({ meta, spec }) => formatSticky(meta.name, spec.sticky) },
    { title: "HEALTH", value: ({ spec }) => formatPart(spec.health, "a connection is enough") },
    { title: "BREAKER", value: ({ spec }) => formatPart(spec.breaker, "as usual") },
    { title: "EJECTION", value: ({ spec }) => formatPart(spec.ejection, "as usual") },
    {
      title: "RAMP-UP",
      value: ({ spec: { slowStartMs } }) => (slowStartMs === undefined ? [] : [`${slowStartMs / 1000} s`]),
    },
  ],
  columns: [
    nameColumn,
    projectColumn,
    {
      title: "BACKENDS",
      cell: ({ spec }) => spec.backends.map(({ name }) => name).join(" "),
      enough: 16,
      lines: (view) => view.spec.backends.map((backend) => formatBackend(view, backend)),
    },
    { title: "BALANCE", cell: ({ spec }) => formatBalance(spec.balance) },
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

type BackendView = UpstreamView["spec"]["backends"][number];

/** `a  http://10.0.0.7:3000  weight 2  gpu  draining` */
function formatBackend({ status }: UpstreamView, { name, to, weight, tags }: BackendView): string {
  const { state = "ready", reason, traffic } = status?.backends.find((one) => one.name === name) ?? {};
  const parts = [name, to, ...(weight === 1 ? [] : [`weight ${weight}`]), ...tags];
  const how = state === "ready" ? [] : [reason === undefined ? state : `${state}: ${reason}`];
  return [...parts, ...how, ...(traffic === undefined ? [] : [formatTraffic(traffic)])].join("  ");
}

type Traffic = NonNullable<NonNullable<UpstreamView["status"]>["backends"][number]["traffic"]>;

function formatTraffic({ requests, failures, inFlight, ewmaMs }: Traffic): string {
  const parts = [`${requests} requests`];
  if (failures > 0) parts.push(`${failures} failed`);
  if (inFlight > 0) parts.push(`${inFlight} in flight`);
  if (ewmaMs > 0) parts.push(`${ewmaMs} ms`);
  return parts.join(", ");
}

/** A line for each backend of which there is something to tell. */
function perBackend({ status }: UpstreamView, tell: (traffic: Traffic) => readonly string[]): readonly string[] {
  return (status?.backends ?? []).flatMap(({ name, traffic }) => {
    const parts = traffic === undefined ? [] : tell(traffic);
    return parts.length === 0 ? [] : [`${name}  ${parts.join(", ")}`];
  });
}

function connectionsOf({ connections, idleConnections, connectFailures }: Traffic): string[] {
  return [
    ...(connections > 0 ? [`${connections} open`, `${idleConnections} of them idle`] : []),
    ...(connectFailures > 0 ? [`${connectFailures} could not be made`] : []),
  ];
}

function careOf({ checksPassed, checksFailed, breakerOpens, ejections }: Traffic): string[] {
  const times = (count: number) => (count === 1 ? "once" : `${count} times`);
  return [
    ...(checksPassed + checksFailed > 0 ? [`${checksPassed} checks passed`, `${checksFailed} failed`] : []),
    ...(breakerOpens > 0 ? [`its breaker opened ${times(breakerOpens)}`] : []),
    ...(ejections > 0 ? [`it was left out ${times(ejections)}`] : []),
  ];
}

/** `hash by header x-user` */
function formatBalance(balance: UpstreamView["spec"]["balance"]): string {
  if (balance === undefined) return "round-robin";
  const { method, on, name } = balance;
  return [method, ...(on === undefined ? [] : ["by", on]), ...(name === undefined ? [] : [name])].join(" ");
}

/** `path /healthz, intervalMs 5000` */
function formatPart(part: object | undefined, otherwise: string): readonly string[] {
  if (part === undefined) return [];
  const said = Object.entries(part).map(([name, value]) => `${name} ${value}`);
  return [said.length === 0 ? otherwise : said.join(", ")];
}

function formatSticky(upstream: string, sticky: UpstreamView["spec"]["sticky"]): readonly string[] {
  if (sticky === undefined) return [];
  const { by, name = `skerry-${upstream}`, ttlSeconds } = sticky;
  return [`by the ${by} ${name}${ttlSeconds === undefined ? "" : ` for ${ttlSeconds} s`}`];
}

function stateOf(status: UpstreamView["status"]): string {
  if (status === undefined) return "-";
  if (status.reason !== undefined) return `${status.state}: ${status.reason}`;
  const ready = status.backends.filter(({ state }) => state === "ready").length;
  return ready === status.backends.length ? status.state : `${status.state}: ${ready} of ${status.backends.length}`;
}
