import { type UpstreamView, upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { upstreamPresentation } from "@skerry/core/contract/present/upstream.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const upstreamsScreen = defineScreen<UpstreamView>({
  id: "upstream",
  title: "Upstreams",
  presentation: upstreamPresentation,
  source: { kind: "watch", call: callOf(upstreamRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => (status?.state === "down" ? "bad" : "plain"),
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No upstreams: skerry upstream create puts several backends under one name.",
  keys: [
    removeKey(
      "upstream",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(upstreamRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Only one that no route leads to can go.",
    ),
  ],
});
