import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { auditPresentation } from "@skerry/core/contract/present/node.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import { defineScreen, snapshotOf } from "./screen.ts";

type AuditEntry = RouteOutput<typeof nodeRoutes.audit>["items"][number];

const TONES = { ok: "plain", denied: "warn", failed: "bad" } as const;
const LINES = 1000;

/** The newest line stands first. */
export const auditScreen = defineScreen<AuditEntry>({
  id: "audit",
  title: "Events",
  presentation: auditPresentation,
  source: snapshotOf("snapshot", nodeRoutes.audit, { query: { limit: LINES } }, ({ items }) => items),
  idOf: ({ time, requestId, action, target }) => [time, requestId, action, target].join(" "),
  toneOf: ({ outcome }) => TONES[outcome],
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "Nothing has happened.",
  keys: [],
});
