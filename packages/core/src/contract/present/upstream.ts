import type { UpstreamView } from "../api/upstream.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBrief } from "./values.ts";

export const upstreamPresentation: Presentation<UpstreamView> = {
  kind: "upstream",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE", "PROJECT"],
  columns: [
    nameColumn,
    projectColumn,
    {
      title: "BACKENDS",
      cell: ({ spec }) => spec.backends.map(({ name }) => name).join(" "),
      enough: 16,
      lines: (view) => view.spec.backends.map((backend) => formatBackend(view, backend)),
    },
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
  const { state = "ready", reason } = status?.backends.find((one) => one.name === name) ?? {};
  const parts = [name, to, ...(weight === 1 ? [] : [`weight ${weight}`]), ...tags];
  return [...parts, ...(state === "ready" ? [] : [reason === undefined ? state : `${state}: ${reason}`])].join("  ");
}

function stateOf(status: UpstreamView["status"]): string {
  if (status === undefined) return "-";
  if (status.reason !== undefined) return `${status.state}: ${status.reason}`;
  const ready = status.backends.filter(({ state }) => state === "ready").length;
  return ready === status.backends.length ? status.state : `${status.state}: ${ready} of ${status.backends.length}`;
}
