import type { z } from "zod";
import type { nodeRoutes, StorageStatusView } from "../api/node.ts";
import type { RouteOutput } from "../route.ts";
import type { auditEntrySchema } from "../schema/node.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge, formatBytes, formatTime } from "./values.ts";

type JobView = RouteOutput<typeof nodeRoutes.jobs>["items"][number];

export const jobPresentation: Presentation<JobView> = {
  kind: "job",
  nameOf: ({ name }) => name,
  columns: [
    { title: "NAME", cell: ({ name }) => name },
    { title: "STATE", cell: ({ state }) => state },
    { title: "RUNS", cell: ({ runs }) => `${runs}`, align: "right" },
    { title: "FAILURES", cell: ({ failures }) => `${failures}`, align: "right" },
    {
      title: "LAST RUN",
      cell: ({ lastRunAt }, nowMs) => formatAge(lastRunAt, nowMs),
      align: "right",
      order: ({ lastRunAt }) => lastRunAt ?? "",
    },
    { title: "NOW", cell: jobNow },
    { title: "WHAT IT DOES", cell: ({ summary }) => summary },
  ],
};

/** What a job says of its progress is about a run: old news once that is over. */
function jobNow({ state, progress, lastError }: JobView): string {
  return (state === "running" ? progress : lastError) ?? "-";
}

export const auditPresentation: Presentation<z.infer<typeof auditEntrySchema>> = {
  kind: "audit entry",
  nameOf: ({ time, requestId }) => requestId ?? time,
  columns: [
    { title: "TIME", cell: ({ time }) => formatTime(time) },
    { title: "ACTOR", cell: ({ actor }) => actor.name },
    { title: "ACTION", cell: ({ action }) => action },
    { title: "TARGET", cell: ({ target }) => target ?? "-" },
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
    { title: "FREE", cell: ({ freeBytes }) => size(freeBytes), align: "right" },
    { title: "TOTAL", cell: ({ totalBytes }) => size(totalBytes), align: "right" },
    { title: "DIRECTORY", cell: ({ directory }) => directory },
  ],
};

function size(bytes: number | undefined): string {
  return bytes === undefined ? "-" : formatBytes(bytes);
}
