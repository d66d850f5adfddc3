import type { UserView } from "../api/user.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge, formatLabels } from "./values.ts";

export const userPresentation: Presentation<UserView> = {
  kind: "user",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    { title: "ROLE", cell: ({ spec }) => spec.role },
    { title: "STATE", cell: ({ spec }) => (spec.disabled ? "disabled" : "active") },
    {
      title: "AGE",
      cell: ({ meta }, nowMs) => formatAge(meta.createdAt, nowMs),
      align: "right",
      order: ({ meta }) => meta.createdAt,
    },
    { title: "LABELS", cell: ({ meta }) => formatLabels(meta.labels) },
  ],
};
