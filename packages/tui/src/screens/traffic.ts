import type { Column } from "@skerry/core/contract/present/presentation.ts";
import { figure, type TrafficRow } from "../hooks/traffic.ts";
import { requestsScreen } from "./requests.ts";
import { defineScreen } from "./screen.ts";

const BARS = "▁▂▃▄▅▆▇█";
const TREND_WIDTH = 12;

function numberColumn(title: string, of: (row: TrafficRow) => number | undefined): Column<TrafficRow> {
  return {
    title,
    cell: (row) => figure(of(row)),
    align: "right",
    order: (row) => of(row) ?? -1,
  };
}

/** What each route serves now. */
export const trafficScreen = defineScreen<TrafficRow>({
  id: "traffic",
  title: "Traffic",
  presentation: {
    kind: "traffic of",
    nameOf: ({ route }) => route,
    leaveOut: ["LAST 24 S", "P95 MS"],
    columns: [
      { title: "ROUTE", cell: ({ route }) => route, whole: true, enough: 30 },
      numberColumn("REQ/S", ({ perSecond }) => perSecond),
      numberColumn("P50 MS", ({ p50Ms }) => p50Ms),
      numberColumn("P95 MS", ({ p95Ms }) => p95Ms),
      numberColumn("P99 MS", ({ p99Ms }) => p99Ms),
      numberColumn("5XX/S", ({ errorsPerSecond }) => errorsPerSecond),
      numberColumn("5XX %", ({ perSecond, errorsPerSecond }) => percent(errorsPerSecond, perSecond)),
      { title: "LAST 24 S", cell: ({ history }) => trend(history) },
    ],
  },
  source: { kind: "traffic" },
  idOf: ({ uid, route }) => uid ?? route,
  toneOf: ({ errorsPerSecond, perSecond }) => {
    if (perSecond === 0) return "faint";
    return errorsPerSecond > 0 ? "bad" : "plain";
  },
  enter: ({ uid, route, project }) =>
    uid === undefined || project === undefined ? { kind: "detail" } : { kind: "route", name: route, project },
  enterDoes: "the route",
  empty: "No route was asked in the last two seconds.",
  keys: [
    {
      key: "a",
      does: "requests",
      intent: (row) =>
        row?.uid === undefined ? undefined : { kind: "open", screen: requestsScreen, filter: `route:${row.route}` },
    },
  ],
});

function percent(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : (part / whole) * 100;
}

/** Each measurement beside the highest of them. */
export function trend(history: readonly number[]): string {
  const seen = history.slice(-TREND_WIDTH);
  const highest = Math.max(...seen, Number.MIN_VALUE);
  return seen
    .map((value) => (value === 0 ? " " : (BARS[Math.ceil((value / highest) * BARS.length) - 1] ?? BARS[0])))
    .join("")
    .padStart(TREND_WIDTH);
}
