import type { CertificateView } from "../api/certificate.ts";
import { createdColumn, labelsColumn, nameColumn, projectColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatBrief, formatExpiry } from "./values.ts";

export const certificatePresentation: Presentation<CertificateView> = {
  kind: "certificate",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["LABELS", "AGE", "PROJECT", "KEY", "ISSUER"],
  columns: [
    nameColumn,
    projectColumn,
    { title: "NAMES", cell: ({ status, spec }) => status?.names.join(" ") || `(${spec.use})`, enough: 24 },
    {
      title: "EXPIRES",
      cell: ({ status }, nowMs) => (status === undefined ? "-" : formatExpiry(status.notAfter, nowMs)),
      order: ({ status }) => Date.parse(status?.notAfter ?? ""),
    },
    {
      title: "STATE",
      cell: ({ status }) => formatBrief(stateOf(status)),
      enough: 24,
      lines: ({ status }) => [stateOf(status)],
    },
    { title: "KEY", cell: ({ status }) => status?.keyType ?? "-" },
    { title: "ISSUER", cell: ({ status }) => status?.issuer ?? "-", enough: 16 },
    createdColumn,
    labelsColumn,
  ],
};

function stateOf(status: CertificateView["status"]): string {
  if (status === undefined) return "-";
  return status.reason === undefined ? status.state : `${status.state}: ${status.reason}`;
}
