/** What containers use by its name: volumes and networks. */
import { type NetworkView, networkRoutes } from "@skerry/core/contract/api/network.ts";
import { type VolumeView, volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import { networkPresentation } from "@skerry/core/contract/present/network.ts";
import type { Presentation } from "@skerry/core/contract/present/presentation.ts";
import { volumePresentation } from "@skerry/core/contract/present/volume.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

type UsedView = VolumeView | NetworkView;
/** They differ in nothing but the kind that they give. */
type UsedRoutes = Pick<typeof volumeRoutes, "list" | "create" | "delete">;

interface Texts {
  readonly title: string;
  readonly empty: string;
  /** For who makes one. */
  readonly hint: string;
  /** For who removes one. */
  readonly loses: string;
}

function usedScreen<T extends UsedView>(
  presentation: Presentation<T>,
  { list, create, ...routes }: UsedRoutes,
  texts: Texts,
) {
  const { kind } = presentation;
  return defineScreen<T>({
    id: kind,
    title: texts.title,
    presentation,
    source: { kind: "watch", call: callOf(list) },
    idOf: ({ meta }) => meta.uid,
    enter: () => ({ kind: "detail" }),
    enterDoes: "details",
    empty: texts.empty,
    keys: [
      {
        key: "n",
        does: "new",
        intent: () => ({
          kind: "prompt",
          title: `New ${kind}`,
          hint: `${texts.hint} A name: a-z, 0-9 and - between them.`,
          fields: [{ label: "Name" }],
          call: (name = "") => callOf(create, { body: { name } }),
          done: (name) => `${kind} ${name} created`,
        }),
      },
      removeKey(
        kind,
        ({ meta }) => meta.name,
        ({ meta }) => callOf(routes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
        texts.loses,
      ),
    ],
  });
}

export const volumesScreen = usedScreen(volumePresentation, volumeRoutes, {
  title: "Volumes",
  empty: "No volumes yet. n makes one, and skerry run --volume NAME:PATH uses it.",
  hint: "Files in it outlive the containers that use it.",
  loses: "With all files in it. This cannot be undone.",
});

export const networksScreen = usedScreen(networkPresentation, networkRoutes as unknown as UsedRoutes, {
  title: "Networks",
  empty: "None besides the one that each project has. n makes one, and skerry run --network NAME uses it.",
  hint: "Containers of one network reach one another, of different ones they do not.",
  loses: "Only one that no container has goes.",
});
