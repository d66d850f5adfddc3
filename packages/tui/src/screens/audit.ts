import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { auditPresentation } from "@skerry/core/contract/present/node.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import { callOf, defineScreen } from "./screen.ts";

type AuditEntry = RouteOutput<typeof nodeRoutes.audit>["items"][number];

const TONES = { ok: "plain", denied: "warn", failed: "bad" } as const;
const LINES = 1000;

export const auditScreen = defineScreen<AuditEntry>({
  id: "audit",
  title: "Events",
  presentation: auditPresentation,
  source: { kind: "watch", call: callOf(nodeRoutes.audit, { query: { limit: LINES } }), keep: LINES },
  idOf: ({ time, requestId, action, target }) => [time, requestId, action, target].join(" "),
  newestFirst: true,
  toneOf: ({ outcome }) => TONES[outcome],
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "Nothing has happened.",
  keys: [],
});
