import type { z } from "zod";
import type { bindingSchema, projectResourceSchema } from "../schema/project.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge, formatLabels } from "./values.ts";

export const projectPresentation: Presentation<z.infer<typeof projectResourceSchema>> = {
  kind: "project",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    { title: "DESCRIPTION", cell: ({ spec }) => (spec.description === "" ? "-" : spec.description) },
    {
      title: "AGE",
      cell: ({ meta }, nowMs) => formatAge(meta.createdAt, nowMs),
      align: "right",
      order: ({ meta }) => meta.createdAt,
    },
    { title: "LABELS", cell: ({ meta }) => formatLabels(meta.labels) },
  ],
};

/** The name of a binding is the user's. */
export const bindingPresentation: Presentation<z.infer<typeof bindingSchema>> = {
  kind: "binding",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "USER", cell: ({ meta }) => meta.name },
    { title: "PROJECT", cell: ({ meta }) => meta.projectName ?? meta.project },
    { title: "ROLE", cell: ({ spec }) => spec.role },
    {
      title: "AGE",
      cell: ({ meta }, nowMs) => formatAge(meta.createdAt, nowMs),
      align: "right",
      order: ({ meta }) => meta.createdAt,
    },
  ],
};
