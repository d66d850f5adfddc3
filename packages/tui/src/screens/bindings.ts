import { bindingRoutes } from "@skerry/core/contract/api/project.ts";
import { bindingPresentation } from "@skerry/core/contract/present/project.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const bindingsScreen = defineScreen<RouteOutput<typeof bindingRoutes.list>["items"][number]>({
  id: "binding",
  title: "Bindings",
  presentation: bindingPresentation,
  source: { kind: "watch", call: callOf(bindingRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "Nobody has a role in a project of others. n gives one.",
  keys: [
    {
      key: "n",
      does: "new",
      intent: () => ({
        kind: "prompt",
        title: "New binding",
        hint: "Gives a user a role in a project: member may change what is in it, viewer may see it.",
        fields: [{ label: "User" }, { label: "Project" }, { label: "Role", value: "member" }],
        call: (user = "", project = "", role = "") =>
          // What is no role is refused with the list of those that there are.
          callOf(bindingRoutes.create, { body: { user, project, role: role as "member" } }),
        done: (user, project, role) => `${user} is ${role} in ${project}`,
      }),
    },
    removeKey(
      "binding",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(bindingRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "The user loses the role in the project at once.",
    ),
  ],
});
