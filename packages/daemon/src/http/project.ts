import { targetOf } from "@skerry/core/auth/access.ts";
import { publicOf, type Stored } from "@skerry/core/auth/context.ts";
import { bindingRoutes, projectRoutes } from "@skerry/core/contract/api/project.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { Binding, Project } from "@skerry/core/domain/identity.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function projectHandlers(services: Services) {
  const { auth, store } = services;
  const collection = (call: Call): Collection<ReturnType<typeof toProject>> => ({
    kind: "project",
    visible: (entry) => call.allows(call.permission, targetOf.resource(publicOf<Project>(entry).resource)),
    present: (entry) => toProject(services, publicOf<Project>(entry)),
  });
  return [
    listHandler(store, projectRoutes.list, collection),

    handle.json(projectRoutes.get, async (call, { params }) => {
      authorizeProject(services, call, params.name);
      return toProject(services, await auth.projects.get(params.name));
    }),

    handle.json(projectRoutes.create, async (call, { body }) => {
      call.target = `project/${body.name}`;
      call.authorize(targetOf.cloud(), "projects");
      const created = await auth.projects.create({
        name: body.name,
        ...(body.spec?.description === undefined ? {} : { description: body.spec.description }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      return toProject(services, created);
    }),

    handle.json(projectRoutes.delete, async (call, { params }) => {
      authorizeProject(services, call, params.name);
      await auth.projects.delete(params.name);
      return undefined;
    }),
  ];
}

export function bindingHandlers(services: Services) {
  const { auth, store } = services;
  const collection = (call: Call): Collection<ReturnType<typeof toBinding>> => ({
    kind: "binding",
    visible: (entry) => call.allows(call.permission, targetOf.resource(publicOf<Binding>(entry).resource)),
    present: (entry) => toBinding(services, publicOf<Binding>(entry)),
  });
  return [
    listHandler(store, bindingRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(bindingRoutes.create, async (call, { body }) => {
      call.target = `binding/${body.project}/${body.user}`;
      const project = projectNamed(services, call, body.project);
      call.authorize(targetOf.project(project.meta.uid), `project ${body.project}`);
      return toBinding(services, await auth.projects.bind(project.meta.name, body.user, body.role, call.principal));
    }),

    handle.json(bindingRoutes.delete, async (call, { params, query }) => {
      const name = query.project ?? call.principal.userName;
      call.target = `binding/${name}/${params.name}`;
      const project = projectNamed(services, call, name);
      call.authorize(targetOf.project(project.meta.uid), `project ${name}`);
      await auth.projects.unbind(project.meta.name, params.name);
      return undefined;
    }),
  ];
}

function projectNamed(services: Services, call: Call, nameOrUid: string): Project {
  const project = services.auth.projects.find(nameOrUid);
  if (project === undefined) call.hide(`project ${nameOrUid}`);
  return project;
}

function authorizeProject(services: Services, call: Call, name: string): void {
  call.target = `project/${name}`;
  const project = projectNamed(services, call, name);
  if (project.meta.name !== name) call.hide(`project ${name}`);
  call.authorize(targetOf.resource(project), `project ${name}`);
}

function toProject(services: Services, { resource, revision }: Stored<Project>) {
  return { kind: "project" as const, meta: viewMeta(services, resource.meta, revision), spec: resource.spec };
}

function toBinding(services: Services, { resource, revision }: Stored<Binding>) {
  return { kind: "binding" as const, meta: viewMeta(services, resource.meta, revision), spec: resource.spec };
}
