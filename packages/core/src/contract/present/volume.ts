import type { VolumeView } from "../api/volume.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const volumePresentation: Presentation<VolumeView> = {
  kind: "volume",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "PROJECT", "AGE"],
  columns: [nameColumn, projectColumn, createdColumn, labelsColumn],
};
