import type { ContainerView, UsageView } from "../api/container.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBrief, formatBytes, formatCommand } from "./values.ts";

export const containerPresentation: Presentation<ContainerView> = {
  kind: "container",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "ADDRESS", "PROJECT", "RESTARTS", "IMAGE", "AGE"],
  columns: [
    nameColumn,
    projectColumn,
    { title: "IMAGE", cell: ({ spec }) => spec.image },
    { title: "STATE", cell: stateText, whole: true },
    { title: "RESTARTS", cell: restartsOf, align: "right", order: (item) => Number(restartsOf(item)) },
    { title: "ADDRESS", cell: ({ status }) => status?.address ?? "-" },
    { title: "PORTS", cell: portsText, lines: portsOf, whole: true, enough: 24 },
    createdColumn,
    labelsColumn,
    {
      title: "REASON",
      cell: ({ status }) => (status?.reason === undefined ? "-" : formatBrief(status.reason)),
      enough: 20,
      lines: ({ status }) => [status?.reason ?? "-"],
    },
  ],
  facts: [
    { title: "COMMAND", value: ({ spec }) => formatCommand(spec.command) },
    { title: "VOLUMES", value: volumesOf },
    { title: "NETWORK", value: ({ spec }) => spec.network ?? "default" },
    { title: "RESTART", value: ({ spec }) => spec.restart },
    // In a table they would be taken for what is used.
    { title: "CPU LIMIT", value: ({ spec }) => `${spec.cpu}` },
    { title: "MEMORY LIMIT", value: ({ spec }) => formatBytes(spec.memoryBytes) },
    { title: "SAID LAST", value: ({ status }) => status?.lastLines ?? [] },
  ],
};

function volumesOf({ spec }: ContainerView): readonly string[] {
  return spec.volumes.length === 0 ? ["-"] : spec.volumes.map(({ name, path }) => `${name}:${path}`);
}

function restartsOf({ status }: ContainerView): string {
  return `${status?.restarts ?? 0}`;
}

function stateText({ meta, status }: ContainerView): string {
  if (meta.deletingSince !== undefined) return "removing";
  if (status === undefined) return "pending";
  const { state, exitCode } = status;
  return exitCode !== undefined && (state === "exited" || state === "restarting") ? `${state} (${exitCode})` : state;
}

/** `127.0.0.1:49153->80`; without an address while nothing listens for it. */
function portsOf({ spec, status }: ContainerView): readonly string[] {
  const texts = spec.publish.map(({ port }) => {
    const address = status?.ports?.[String(port)];
    return address === undefined ? `(${port})` : `${address}->${port}`;
  });
  return texts.length === 0 ? ["-"] : texts;
}

function portsText(item: ContainerView): string {
  return portsOf(item).join(", ");
}

/** A container and what it uses now. */
export interface UsageRow {
  readonly name: string;
  readonly project: string;
  readonly projectName?: string;
  readonly usage: UsageView;
}

export const usagePresentation: Presentation<UsageRow> = {
  kind: "container",
  nameOf: ({ name }) => name,
  columns: [
    { title: "NAME", cell: ({ name }) => name },
    { title: "PROJECT", cell: ({ project, projectName }) => projectName ?? project },
    { title: "CPU", cell: ({ usage }) => usage.cpu.toFixed(2), align: "right", order: ({ usage }) => usage.cpu },
    {
      title: "MEMORY",
      cell: ({ usage }) => formatBytes(usage.memoryBytes),
      align: "right",
      order: ({ usage }) => usage.memoryBytes,
    },
    {
      title: "LIMIT",
      cell: ({ usage }) => formatBytes(usage.memoryLimitBytes),
      align: "right",
      order: ({ usage }) => usage.memoryLimitBytes,
    },
    { title: "PIDS", cell: ({ usage }) => `${usage.pids}`, align: "right", order: ({ usage }) => usage.pids },
    {
      title: "RECEIVED",
      cell: ({ usage }) => formatBytes(usage.receivedBytes),
      align: "right",
      order: ({ usage }) => usage.receivedBytes,
    },
    {
      title: "SENT",
      cell: ({ usage }) => formatBytes(usage.sentBytes),
      align: "right",
      order: ({ usage }) => usage.sentBytes,
    },
  ],
};
