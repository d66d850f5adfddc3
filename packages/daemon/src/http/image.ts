import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { projectOf } from "./meta.ts";
import type { Services } from "./services.ts";

export function imageHandlers(services: Services) {
  const { images } = services.compute;
  return [
    handle.json(imageRoutes.list, async (call, { query }) => {
      return { items: [...(await images.list(openProject(services, call, query.project)))] };
    }),

    handle.json(imageRoutes.load, async (call, { query }) => {
      if (query.name !== undefined) call.target = `image/${query.name}`;
      const project = openProject(services, call, query.project);
      const name = services.auth.projects.find(project)?.meta.name ?? "";
      const image = await services.imageLoader.load({ uid: project, name }, call.request.body, query.name);
      call.target = `image/${image.name}`;
      return image;
    }),

    handle.json(imageRoutes.delete, async (call, { params, query }) => {
      call.target = `image/${params.name}`;
      await images.remove(openProject(services, call, query.project), params.name);
      return undefined;
    }),
  ];
}

/** Uid of the project, when the route's permission holds there. @throws what hides or forbids it. */
function openProject(services: Services, call: Call, name: string | undefined): string {
  const project = projectOf(services, call, name) ?? call.principal.projectUid;
  call.authorize({ project }, name === undefined ? "your project" : `project ${name}`);
  return project;
}
