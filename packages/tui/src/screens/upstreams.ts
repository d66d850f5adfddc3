import { type UpstreamView, upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { upstreamPresentation } from "@skerry/core/contract/present/upstream.ts";
import { backendsScreen } from "./backends.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";
import { editUpstream, newUpstream } from "./upstream-form.ts";

export const upstreamsScreen = defineScreen<UpstreamView>({
  id: "upstream",
  title: "Upstreams",
  presentation: upstreamPresentation,
  source: { kind: "watch", call: callOf(upstreamRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => (status?.state === "down" ? "bad" : "plain"),
  enter: (upstream) => ({ kind: "open", screen: backendsScreen(upstream) }),
  enterDoes: "backends",
  empty: "No upstreams yet. n puts several backends under one name.",
  keys: [
    { key: "n", does: "new", intent: () => newUpstream() },
    { key: "e", does: "edit", intent: (upstream) => upstream && editUpstream(upstream) },
    removeKey(
      "upstream",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(upstreamRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Only one that no route leads to can go.",
    ),
  ],
});
