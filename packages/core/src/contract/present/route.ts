import type { RouteView } from "../api/route.ts";
import { createdColumn, labelsColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBrief } from "./values.ts";

export const routePresentation: Presentation<RouteView> = {
  kind: "route",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    projectColumn,
    { title: "URL", cell: ({ spec, status }) => status?.url ?? `${spec.host}${spec.path}` },
    { title: "TO", cell: ({ spec }) => spec.to },
    {
      title: "STATE",
      cell: ({ status }) => formatBrief(stateOf(status)),
      lines: ({ status }) => [stateOf(status)],
    },
    createdColumn,
    labelsColumn,
  ],
};

function stateOf(status: RouteView["status"]): string {
  if (status === undefined) return "-";
  return status.reason === undefined ? status.state : `${status.state}: ${status.reason}`;
}
