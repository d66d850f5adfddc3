import { targetOf } from "@skerry/core/auth/access.ts";
import { toUsed, type UsedEntry } from "@skerry/core/compute/used-resources.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function volumeHandlers(services: Services) {
  const { store } = services;
  const { volumes } = services.compute;
  const collection = (call: Call): Collection<ReturnType<typeof toView>> => ({
    kind: "volume",
    visible: (entry) => call.allows(call.permission, targetOf.resource(toUsed(entry).resource)),
    present: (entry) => toView(services, toUsed(entry)),
  });
  return [
    listHandler(store, volumeRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(volumeRoutes.get, async (call, { params, query }) => {
      return toView(services, await openVolume(services, call, params.name, query.project));
    }),

    handle.json(volumeRoutes.create, async (call, { body }) => {
      call.target = `volume/${body.name}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      const created = await volumes.create({
        name: body.name,
        project,
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      return toView(services, created);
    }),

    handle.json(volumeRoutes.delete, async (call, { params, query }) => {
      const { resource } = await openVolume(services, call, params.name, query.project);
      await volumes.delete(resource.meta.project, resource.meta.name);
      return undefined;
    }),
  ];
}

/** The volume, when the route's permission holds on it. @throws what hides or forbids it. */
async function openVolume(
  services: Services,
  call: Call,
  name: string,
  projectName: string | undefined,
): Promise<UsedEntry> {
  call.target = `volume/${name}`;
  const project = projectOf(services, call, projectName) ?? call.principal.projectUid;
  const found = project === "" ? undefined : await services.compute.volumes.find(project, name);
  if (found === undefined) call.hide(`volume ${name}`);
  call.authorize(targetOf.resource(found.resource), `volume ${name}`);
  return found;
}

function toView(services: Services, { resource, revision }: UsedEntry) {
  return { kind: "volume" as const, meta: viewMeta(services, resource.meta, revision), spec: {} };
}
