import { targetOf } from "@skerry/core/auth/access.ts";
import { toUsed, type UsedEntry } from "@skerry/core/compute/used-resources.ts";
import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function networkHandlers(services: Services) {
  const { store } = services;
  const { networks } = services.compute;
  const collection = (call: Call): Collection<ReturnType<typeof toView>> => ({
    kind: "network",
    visible: (entry) => call.allows(call.permission, targetOf.resource(toUsed(entry).resource)),
    present: (entry) => toView(services, toUsed(entry)),
  });
  return [
    listHandler(store, networkRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(networkRoutes.get, async (call, { params, query }) => {
      return toView(services, await openNetwork(services, call, params.name, query.project));
    }),

    handle.json(networkRoutes.create, async (call, { body }) => {
      call.target = `network/${body.name}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      const created = await networks.create({
        name: body.name,
        project,
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      return toView(services, created);
    }),

    handle.json(networkRoutes.delete, async (call, { params, query }) => {
      const { resource } = await openNetwork(services, call, params.name, query.project);
      await networks.delete(resource.meta.project, resource.meta.name);
      return undefined;
    }),
  ];
}

/** The network, when the route's permission holds on it. @throws what hides or forbids it. */
async function openNetwork(
  services: Services,
  call: Call,
  name: string,
  projectName: string | undefined,
): Promise<UsedEntry> {
  call.target = `network/${name}`;
  const project = projectOf(services, call, projectName) ?? call.principal.projectUid;
  const found = project === "" ? undefined : await services.compute.networks.find(project, name);
  if (found === undefined) call.hide(`network ${name}`);
  call.authorize(targetOf.resource(found.resource), `network ${name}`);
  return found;
}

function toView(services: Services, { resource, revision }: UsedEntry) {
  return { kind: "network" as const, meta: viewMeta(services, resource.meta, revision), spec: {} };
}
