import { type ImageView, imageRoutes } from "@skerry/core/contract/api/image.ts";
import { imagePresentation } from "@skerry/core/contract/present/image.ts";
import { runPrompt } from "./containers.ts";
import { callOf, defineScreen, removeKey, snapshotOf } from "./screen.ts";

/** The engine keeps them, and tells nobody when they change: they are as they were when they were asked for. */
export const imagesScreen = defineScreen<ImageView>({
  id: "image",
  title: "Images",
  presentation: imagePresentation,
  source: snapshotOf(imageRoutes.list, {}, ({ items }) => items),
  idOf: ({ name, id, project }) => [name, id, project].join(" "),
  toneOf: ({ project }) => (project === undefined ? "faint" : "plain"),
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No images. skerry image load FILE loads what docker save has written.",
  keys: [
    { key: "n", does: "run", intent: (image) => (image === undefined ? undefined : runPrompt(image.name)) },
    removeKey(
      "image",
      ({ name }) => name,
      ({ name, project }) => callOf(imageRoutes.delete, { params: { name }, query: { project } }),
      "Containers that were made of it go on. Only images of a project can be removed.",
    ),
  ],
});
