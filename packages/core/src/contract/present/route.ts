import type { RouteView } from "../api/route.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBrief } from "./values.ts";

export const routePresentation: Presentation<RouteView> = {
  kind: "route",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE", "PROJECT", "TO"],
  columns: [
    nameColumn,
    projectColumn,
    // It is copied from here: a part of it leads nowhere.
    { title: "URL", cell: ({ spec, status }) => status?.url ?? `${spec.host}${spec.path}`, whole: true },
    { title: "TO", cell: ({ spec }) => spec.to },
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

function stateOf(status: RouteView["status"]): string {
  if (status === undefined) return "-";
  return status.reason === undefined ? status.state : `${status.state}: ${status.reason}`;
}
