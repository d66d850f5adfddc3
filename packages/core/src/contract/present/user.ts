import type { UserView } from "../api/user.ts";
import { createdColumn, labelsColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const userPresentation: Presentation<UserView> = {
  kind: "user",
  nameOf: ({ meta }) => meta.name,
  columns: [
    { title: "NAME", cell: ({ meta }) => meta.name },
    { title: "ROLE", cell: ({ spec }) => spec.role },
    { title: "STATE", cell: ({ spec }) => (spec.disabled ? "disabled" : "active") },
    createdColumn,
    labelsColumn,
  ],
};
