import type { ContainerView, UsageView } from "../api/container.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge, formatBytes, formatLabels } from "./values.ts";

export const containerPresentation: Presentation<ContainerView> = {
  kind: "container",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    { title: "PROJECT", cell: ({ meta }) => meta.projectName ?? meta.project },
    { title: "IMAGE", cell: ({ spec }) => spec.image },
    { title: "STATE", cell: stateText },
    { title: "RESTARTS", cell: ({ status }) => `${status?.restarts ?? 0}`, align: "right" },
    { title: "CPU", cell: ({ spec }) => `${spec.cpu}`, align: "right" },
    { title: "MEMORY", cell: ({ spec }) => formatBytes(spec.memoryBytes), align: "right" },
    { title: "ADDRESS", cell: ({ status }) => status?.address ?? "-" },
    { title: "PORTS", cell: portsText },
    { title: "AGE", cell: ({ meta }, nowMs) => formatAge(meta.createdAt, nowMs), align: "right" },
    { title: "LABELS", cell: ({ meta }) => formatLabels(meta.labels) },
    {
      title: "REASON",
      cell: ({ status }) => status?.reason ?? "-",
      // Alone, with what it said last.
      lines: ({ status }) => [status?.reason ?? "-", ...(status?.lastLines ?? []).map((line) => `  ${line}`)],
    },
  ],
};

function stateText({ meta, status }: ContainerView): string {
  if (meta.deletingSince !== undefined) return "removing";
  if (status === undefined) return "pending";
  const { state, exitCode } = status;
  return exitCode !== undefined && (state === "exited" || state === "restarting") ? `${state} (${exitCode})` : state;
}

/** `127.0.0.1:49153->80` */
function portsText({ spec, status }: ContainerView): string {
  const texts = spec.publish.map(({ port }) => `${status?.ports?.[String(port)] ?? ""}->${port}`);
  return texts.length === 0 ? "-" : texts.join(", ");
}

/** A container and what it uses now. */
export interface UsageRow {
  readonly name: string;
  readonly usage: UsageView;
}

export const usagePresentation: Presentation<UsageRow> = {
  kind: "container",
  nameOf: ({ name }) => name,
  columns: [
    { title: "NAME", cell: ({ name }) => name },
    { title: "CPU", cell: ({ usage }) => usage.cpu.toFixed(2), align: "right" },
    { title: "MEMORY", cell: ({ usage }) => formatBytes(usage.memoryBytes), align: "right" },
    { title: "LIMIT", cell: ({ usage }) => formatBytes(usage.memoryLimitBytes), align: "right" },
    { title: "PIDS", cell: ({ usage }) => `${usage.pids}`, align: "right" },
    { title: "RECEIVED", cell: ({ usage }) => formatBytes(usage.receivedBytes), align: "right" },
    { title: "SENT", cell: ({ usage }) => formatBytes(usage.sentBytes), align: "right" },
  ],
};
