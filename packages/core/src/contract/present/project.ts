import type { z } from "zod";
import type { bindingSchema, projectResourceSchema } from "../schema/project.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const projectPresentation: Presentation<z.infer<typeof projectResourceSchema>> = {
  kind: "project",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE"],
  columns: [
    nameColumn,
    { title: "DESCRIPTION", cell: ({ spec }) => (spec.description === "" ? "-" : spec.description), enough: 20 },
    createdColumn,
    labelsColumn,
  ],
};

/** The name of a binding is the user's. */
export const bindingPresentation: Presentation<z.infer<typeof bindingSchema>> = {
  kind: "binding",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "USER", cell: ({ meta }) => meta.name },
    projectColumn,
    { title: "ROLE", cell: ({ spec }) => spec.role },
    createdColumn,
  ],
};
