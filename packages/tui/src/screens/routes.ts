import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { placeOf } from "@skerry/core/contract/place.ts";
import { routePresentation } from "@skerry/core/contract/present/route.ts";
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
    {
      key: "n",
      does: "new",
      intent: () => ({
        kind: "prompt",
        title: "New route",
        hint: "HOST or HOST/PATH leads to http(s)://HOST[:PORT][/BASE], container/NAME:PORT or bucket/NAME; tcp://:PORT to tcp://HOST:PORT.",
        fields: [{ label: "From" }, { label: "To" }],
        call: (from = "", to = "") => callOf(routeRoutes.create, { body: { spec: { ...placeOf(from), to } } }),
        done: (from, to) => `${from} leads to ${to}`,
      }),
    },
    removeKey(
      "route",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(routeRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Nobody reaches it by this address any more. The last route to a host name frees the name.",
    ),
  ],
});
