import type { NetworkView } from "../api/network.ts";
import { createdColumn, labelsColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const networkPresentation: Presentation<NetworkView> = {
  kind: "network",
  nameOf: ({ meta }) => meta.name,
  columns: [{ title: "NAME", cell: ({ meta }) => meta.name }, projectColumn, createdColumn, labelsColumn],
};
