import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { routePresentation } from "@skerry/core/contract/present/route.ts";
import { explainPrompt, requestFor } from "./explain.ts";
import { requestsScreen } from "./requests.ts";
import { editRoute, newRoute } from "./route-form.ts";
import { callOf, defineScreen, type Intent, removeKey } from "./screen.ts";

export const routesScreen = defineScreen<RouteView>({
  id: "route",
  title: "Routes",
  presentation: routePresentation,
  source: { kind: "watch", call: callOf(routeRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => (status?.state === "down" ? "bad" : "plain"),
  enter: ({ meta }) => ({ kind: "route", name: meta.name, project: meta.project }),
  enterDoes: "details",
  empty: "No routes yet. n publishes something under a host name.",
  keys: [
    { key: "n", does: "new", intent: () => newRoute() },
    { key: "e", does: "edit", intent: (route) => route && editRoute(route) },
    { key: "w", does: "switch", intent: switchPrompt },
    { key: "x", does: "explain", intent: (route) => explainPrompt(route && requestFor(route)) },
    {
      key: "a",
      does: "requests",
      intent: (route) => route && { kind: "open", screen: requestsScreen, filter: `route:${route.meta.name}` },
    },
    removeKey(
      "route",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(routeRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Nobody reaches it by this address any more. The last route to a host name frees the name.",
    ),
  ],
});

/** From blue to green, and back: said once more before it is done. */
function switchPrompt(route: RouteView | undefined): Intent | undefined {
  const to = route?.spec.to;
  if (route === undefined || to === undefined) return undefined;
  const { name, project } = route.meta;
  const previous = route.status?.previousTo;
  const back = previous === undefined ? "" : ` Empty: back to ${previous}.`;
  return {
    kind: "prompt",
    title: `Switch route ${name}`,
    hint: `It leads to ${to} now. From then on all workers lead elsewhere, at once.${back}`,
    word: "switch",
    changes: true,
    fields: [{ label: "To", optional: previous !== undefined }],
    sure: (target = "") =>
      `${name} will lead to ${target || previous} instead of ${to}. Requests under way come to their end.`,
    call: (target = "") =>
      callOf(routeRoutes.switch, {
        ...{ params: { name }, query: { project } },
        body: target === "" ? { back: true } : { to: target },
      }),
    done: (target = "") => `route ${name} leads to ${target || previous}`,
  };
}
