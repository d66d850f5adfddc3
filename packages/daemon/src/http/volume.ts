import { targetOf } from "@skerry/core/auth/access.ts";
import { toVolume, type VolumeEntry } from "@skerry/core/compute/volumes.ts";
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
    visible: (entry) => call.allows(call.permission, targetOf.resource(toVolume(entry).volume)),
    present: (entry) => toView(services, toVolume(entry)),
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
      const { volume } = await openVolume(services, call, params.name, query.project);
      await volumes.delete(volume.meta.project, volume.meta.name);
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
): Promise<VolumeEntry> {
  call.target = `volume/${name}`;
  const project = projectOf(services, call, projectName) ?? call.principal.projectUid;
  const found = project === "" ? undefined : await services.compute.volumes.find(project, name);
  if (found === undefined) call.hide(`volume ${name}`);
  call.authorize(targetOf.resource(found.volume), `volume ${name}`);
  return found;
}

function toView(services: Services, { volume, revision }: VolumeEntry) {
  return { kind: "volume" as const, meta: viewMeta(services, volume.meta, revision), spec: {} };
}
