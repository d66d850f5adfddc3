import type { NetworkView } from "../api/network.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const networkPresentation: Presentation<NetworkView> = {
  kind: "network",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "PROJECT", "AGE"],
  columns: [nameColumn, projectColumn, createdColumn, labelsColumn],
};
