import type { TokenView } from "../api/token.ts";
import { ageColumn, createdColumn, nameColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatExpiry } from "./values.ts";

export const tokenPresentation: Presentation<TokenView> = {
  kind: "token",
  nameOf: ({ meta }) => meta.name,
  leaveOut: ["AGE", "LAST USED"],
  columns: [
    nameColumn,
    {
      title: "SCOPES",
      cell: ({ spec }) => scopeLines(spec.scopes).join(" "),
      enough: 30,
      lines: ({ spec }) => scopeLines(spec.scopes),
    },
    {
      title: "EXPIRES",
      cell: ({ spec }, nowMs) => formatExpiry(spec.expiresAt, nowMs),
      order: ({ spec }) => spec.expiresAt ?? "~",
    },
    ageColumn("LAST USED", ({ status }) => status?.lastUsedAt),
    createdColumn,
  ],
};

/** Each as `--scope` takes it. */
function scopeLines(scopes: TokenView["spec"]["scopes"]): string[] {
  if (scopes === undefined) return ["all of its user"];
  return Object.entries(scopes).map(([path, actions]) => `${path}=${actions.join(",")}`);
}
