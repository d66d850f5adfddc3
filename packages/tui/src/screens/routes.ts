import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { routePresentation } from "@skerry/core/contract/present/route.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const routesScreen = defineScreen<RouteView>({
  id: "route",
  title: "Routes",
  presentation: routePresentation,
  source: { kind: "watch", call: callOf(routeRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => (status?.state === "down" ? "bad" : "plain"),
  leaveOut: ["LABELS", "PROJECT", "AGE"],
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No routes yet. skerry route create HOST --to TARGET publishes something.",
  keys: [
    removeKey(
      "route",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(routeRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Nobody reaches it by this address any more. The last route to a host name frees the name.",
    ),
  ],
});
