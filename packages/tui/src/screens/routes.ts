import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { routePresentation } from "@skerry/core/contract/present/route.ts";
import { editRoute, newRoute } from "./route-form.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const routesScreen = defineScreen<RouteView>({
  id: "route",
  title: "Routes",
  presentation: routePresentation,
  source: { kind: "watch", call: callOf(routeRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => (status?.state === "down" ? "bad" : "plain"),
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No routes yet. n publishes something under a host name.",
  keys: [
    { key: "n", does: "new", intent: () => newRoute() },
    { key: "e", does: "edit", intent: (route) => route && editRoute(route) },
    removeKey(
      "route",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(routeRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Nobody reaches it by this address any more. The last route to a host name frees the name.",
    ),
  ],
});
