import type { RouteView } from "../api/route.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge, formatLabels } from "./values.ts";

export const routePresentation: Presentation<RouteView> = {
  kind: "route",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    { title: "PROJECT", cell: ({ meta }) => meta.projectName ?? meta.project },
    { title: "URL", cell: ({ spec, status }) => status?.url ?? `${spec.host}${spec.path}` },
    { title: "TO", cell: ({ spec }) => spec.to },
    { title: "STATE", cell: ({ status }) => stateOf(status) },
    { title: "AGE", cell: ({ meta }, nowMs) => formatAge(meta.createdAt, nowMs), align: "right" },
    { title: "LABELS", cell: ({ meta }) => formatLabels(meta.labels) },
  ],
};

function stateOf(status: RouteView["status"]): string {
  if (status === undefined) return "-";
  return status.reason === undefined ? status.state : `${status.state}: ${status.reason}`;
}
