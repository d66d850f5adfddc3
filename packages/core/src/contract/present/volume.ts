import type { VolumeView } from "../api/volume.ts";
import { createdColumn, labelsColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const volumePresentation: Presentation<VolumeView> = {
  kind: "volume",
  nameOf: ({ meta }) => meta.name,
  columns: [{ title: "NAME", cell: ({ meta }) => meta.name }, projectColumn, createdColumn, labelsColumn],
};
