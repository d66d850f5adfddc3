import type { VolumeView } from "../api/volume.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge, formatLabels } from "./values.ts";

export const volumePresentation: Presentation<VolumeView> = {
  kind: "volume",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    { title: "PROJECT", cell: ({ meta }) => meta.projectName ?? meta.project },
    { title: "AGE", cell: ({ meta }, nowMs) => formatAge(meta.createdAt, nowMs), align: "right" },
    { title: "LABELS", cell: ({ meta }) => formatLabels(meta.labels) },
  ],
};
