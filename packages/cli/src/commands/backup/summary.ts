import { formatBytes, formatTime } from "@skerry/core/contract/present/values.ts";
import { formatFacts } from "../../output/facts.ts";

/** What a backup holds, as reading it has shown. */
export interface BackupSummary {
  readonly cluster: string;
  readonly skerry: string;
  readonly createdAt: string;
  readonly revision: number;
  readonly sizeBytes: number;
  readonly resources: number;
  readonly buckets: number;
  readonly objects: number;
  readonly objectBytes: number;
}

export function formatSummary(summary: BackupSummary): string {
  return formatFacts([
    ["Made", `${formatTime(summary.createdAt)}, by Skerry ${summary.skerry}`],
    ["Cloud", `${summary.cluster}, revision ${summary.revision}`],
    ["Declared", `${summary.resources} entries, ${summary.buckets} buckets`],
    ["Objects", `${summary.objects} (${formatBytes(summary.objectBytes)}; their content is not in it)`],
    ["Size", formatBytes(summary.sizeBytes)],
  ]);
}
