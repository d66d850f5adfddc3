import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { projectPresentation } from "@skerry/core/contract/present/project.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const projectsScreen = defineScreen<RouteOutput<typeof projectRoutes.list>["items"][number]>({
  id: "project",
  title: "Projects",
  presentation: projectPresentation,
  source: { kind: "watch", call: callOf(projectRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No projects that you may see.",
  keys: [
    {
      key: "n",
      does: "new",
      intent: () => ({
        kind: "prompt",
        title: "New project",
        hint: "For a team: what belongs to it is its members'. A name: a-z, 0-9 and - between them.",
        fields: [{ label: "Name" }, { label: "Description", optional: true }],
        call: (name = "", description = "") => callOf(projectRoutes.create, { body: { name, spec: { description } } }),
        done: (name) => `project ${name} created`,
      }),
    },
    removeKey(
      "project",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(projectRoutes.delete, { params: { name: meta.name } }),
      "Only an empty project can be deleted.",
    ),
  ],
});
