import type { IpListView } from "../api/iplist.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";

export const ipListPresentation: Presentation<IpListView> = {
  kind: "iplist",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE", "PROJECT"],
  columns: [
    nameColumn,
    projectColumn,
    {
      title: "NETWORKS",
      cell: ({ status }) => (status === undefined ? "-" : String(status.networks)),
      order: ({ status }) => status?.networks ?? 0,
    },
    createdColumn,
    labelsColumn,
  ],
};
