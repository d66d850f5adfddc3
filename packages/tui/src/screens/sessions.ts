import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { sessionPresentation } from "@skerry/core/contract/present/session.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const sessionsScreen = defineScreen<RouteOutput<typeof sessionRoutes.list>["items"][number]>({
  id: "session",
  title: "Sessions",
  presentation: sessionPresentation,
  source: { kind: "watch", call: callOf(sessionRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ current }) => (current ? "good" : "plain"),
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No sessions of yours: you came with a token.",
  keys: [
    removeKey(
      "session",
      ({ meta }) => meta.uid,
      ({ meta }) => callOf(sessionRoutes.delete, { params: { uid: meta.uid } }),
      "Whoever uses it must log in again.",
    ),
  ],
});
