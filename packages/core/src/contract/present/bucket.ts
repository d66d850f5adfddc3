import type { BucketView } from "../api/bucket.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBytes } from "./values.ts";

export const bucketPresentation: Presentation<BucketView> = {
  kind: "bucket",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE", "PROJECT"],
  columns: [
    nameColumn,
    projectColumn,
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
    createdColumn,
    labelsColumn,
  ],
};
