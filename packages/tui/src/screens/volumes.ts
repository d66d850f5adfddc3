import { type VolumeView, volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import { volumePresentation } from "@skerry/core/contract/present/volume.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const volumesScreen = defineScreen<VolumeView>({
  id: "volume",
  title: "Volumes",
  presentation: volumePresentation,
  source: { kind: "watch", call: callOf(volumeRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No volumes yet. n makes one, and skerry run --volume NAME:PATH uses it.",
  keys: [
    {
      key: "n",
      does: "new",
      intent: () => ({
        kind: "prompt",
        title: "New volume",
        hint: "Files in it outlive the containers that use it. A name: a-z, 0-9 and - between them.",
        fields: [{ label: "Name" }],
        call: (name = "") => callOf(volumeRoutes.create, { body: { name } }),
        done: (name) => `volume ${name} created`,
      }),
    },
    removeKey(
      "volume",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(volumeRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "With all files in it. This cannot be undone.",
    ),
  ],
});
