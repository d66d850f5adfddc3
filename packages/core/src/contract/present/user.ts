import type { UserView } from "../api/user.ts";
import { createdColumn, labelsColumn, nameColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const userPresentation: Presentation<UserView> = {
  kind: "user",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE"],
  columns: [
    nameColumn,
    { title: "ROLE", cell: ({ spec }) => spec.role },
    { title: "STATE", cell: ({ spec }) => (spec.disabled ? "disabled" : "active") },
    createdColumn,
    labelsColumn,
  ],
};
