import type { ImageView } from "../api/image.ts";
import { ageColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBytes } from "./values.ts";

export const imagePresentation: Presentation<ImageView> = {
  kind: "image",
  nameOf: ({ name }) => name,
  leaveOut: ["ID", "AGE"],
  columns: [
    { title: "NAME", cell: ({ name }) => name, whole: true, enough: 40 },
    { title: "OF", cell: ({ project }) => (project === undefined ? "the engine" : "the project") },
    { title: "ID", cell: ({ id }) => id.replace("sha256:", "").slice(0, 12) },
    {
      title: "SIZE",
      cell: ({ sizeBytes }) => formatBytes(sizeBytes),
      align: "right",
      order: ({ sizeBytes }) => sizeBytes,
    },
    // Reproducible images have no date: the beginning of time stands there.
    ageColumn("AGE", ({ createdAt }) => (Date.parse(createdAt) > 0 ? createdAt : undefined)),
  ],
};
