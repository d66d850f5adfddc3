import type { z } from "zod";
import type { nodeRoutes, StorageStatusView } from "../api/node.ts";
import type { RouteOutput } from "../route.ts";
import type { auditEntrySchema } from "../schema/node.ts";
import { ageColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBytes, formatTime } from "./values.ts";

type JobView = RouteOutput<typeof nodeRoutes.jobs>["items"][number];

export const jobPresentation: Presentation<JobView> = {
  kind: "job",
  nameOf: ({ name }) => name,
  leaveOut: ["FAILURES", "RUNS"],
  columns: [
    { title: "NAME", cell: ({ name }) => name },
    { title: "STATE", cell: ({ state }) => state },
    { title: "RUNS", cell: ({ runs }) => `${runs}`, align: "right", order: ({ runs }) => runs },
    { title: "FAILURES", cell: ({ failures }) => `${failures}`, align: "right", order: ({ failures }) => failures },
    ageColumn("LAST RUN", ({ lastRunAt }) => lastRunAt),
    { title: "NOW", cell: jobNow, enough: 20 },
    { title: "WHAT IT DOES", cell: ({ summary }) => summary, enough: 24 },
  ],
};

/** What a job says of its progress is about a run: old news once that is over. */
function jobNow({ state, progress, lastError }: JobView): string {
  return (state === "running" ? progress : lastError) ?? "-";
}

export const auditPresentation: Presentation<z.infer<typeof auditEntrySchema>> = {
  kind: "audit entry",
  nameOf: ({ time, requestId }) => requestId ?? time,
  leaveOut: ["FROM"],
  columns: [
    { title: "TIME", cell: ({ time }) => formatTime(time), whole: true, order: ({ time }) => time },
    { title: "ACTOR", cell: ({ actor }) => actor.name },
    { title: "ACTION", cell: ({ action }) => action },
    { title: "TARGET", cell: ({ target }) => target ?? "-", enough: 16 },
    { title: "OUTCOME", cell: ({ outcome, code }) => (code === undefined ? outcome : `${outcome}: ${code}`) },
    { title: "FROM", cell: ({ ip }) => ip ?? "-" },
  ],
};

export const chunkserverPresentation: Presentation<StorageStatusView["servers"][number]> = {
  kind: "chunkserver",
  nameOf: ({ name }) => name,
  columns: [
    { title: "SERVER", cell: ({ name }) => name },
    { title: "STATE", cell: ({ state, reason }) => (reason === undefined ? state : `${state}: ${reason}`) },
    {
      title: "FREE",
      cell: ({ freeBytes }) => size(freeBytes),
      align: "right",
      order: ({ freeBytes = -1 }) => freeBytes,
    },
    {
      title: "TOTAL",
      cell: ({ totalBytes }) => size(totalBytes),
      align: "right",
      order: ({ totalBytes = -1 }) => totalBytes,
    },
    { title: "DIRECTORY", cell: ({ directory }) => directory },
  ],
};

function size(bytes: number | undefined): string {
  return bytes === undefined ? "-" : formatBytes(bytes);
}
