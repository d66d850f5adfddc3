import type { ImageView } from "../api/image.ts";
import { ageColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBytes } from "./values.ts";

export const imagePresentation: Presentation<ImageView> = {
  kind: "image",
  nameOf: ({ name }) => name,
  columns: [
    { title: "NAME", cell: ({ name }) => name },
    { title: "OF", cell: ({ project }) => (project === undefined ? "the engine" : "the project") },
    { title: "ID", cell: ({ id }) => id.replace("sha256:", "").slice(0, 12) },
    {
      title: "SIZE",
      cell: ({ sizeBytes }) => formatBytes(sizeBytes),
      align: "right",
      order: ({ sizeBytes }) => sizeBytes,
    },
    ageColumn("AGE", ({ createdAt }) => createdAt),
  ],
};
