import type { BucketView } from "../api/bucket.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge, formatBytes, formatLabels } from "./values.ts";

export const bucketPresentation: Presentation<BucketView> = {
  kind: "bucket",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    { title: "PROJECT", cell: ({ meta }) => meta.projectName ?? meta.project },
    { title: "VISIBILITY", cell: ({ spec }) => spec.visibility },
    {
      title: "OBJECTS",
      cell: ({ status }) => `${status?.objects ?? "-"}`,
      align: "right",
      order: ({ status }) => status?.objects ?? -1,
    },
    {
      title: "SIZE",
      cell: ({ status }) => (status === undefined ? "-" : formatBytes(status.sizeBytes)),
      align: "right",
      order: ({ status }) => status?.sizeBytes ?? -1,
    },
    {
      title: "AGE",
      cell: ({ meta }, nowMs) => formatAge(meta.createdAt, nowMs),
      align: "right",
      order: ({ meta }) => meta.createdAt,
    },
    { title: "LABELS", cell: ({ meta }) => formatLabels(meta.labels) },
  ],
};
