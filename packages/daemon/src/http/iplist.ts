import { targetOf } from "@skerry/core/auth/access.ts";
import { type IpListView, ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { type IpListEntry, toIpList } from "@skerry/core/gateway/guard/lists-service.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function ipListHandlers(services: Services) {
  const { gateway, ipLists, store } = services;
  const collection = (call: Call): Collection<IpListView> => ({
    kind: "iplist",
    visible: (entry) => call.allows(call.permission, targetOf.resource(toIpList(entry).list)),
    present: (entry, current) => shortened(toView(services, toIpList(entry), current)),
  });
  return [
    listHandler(store, ipListRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(ipListRoutes.get, async (call, { params, query }) => {
      return toView(services, await openList(services, call, params.name, query.project));
    }),

    handle.json(ipListRoutes.create, async (call, { body }) => {
      call.target = `iplist/${body.name}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      const created = await ipLists.create({
        ...{ name: body.name, project, entries: body.spec.entries },
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      await gateway.activated(created.revision, "iplist");
      return toView(services, created);
    }),

    handle.json(ipListRoutes.update, async (call, { params, query, body }) => {
      const { list } = await openList(services, call, params.name, query.project);
      const { entries } = body.spec ?? {};
      const updated = await ipLists.update(list.meta.project, params.name, {
        ...(entries === undefined ? {} : { entries }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
        ...(body.revision === undefined ? {} : { revision: body.revision }),
      });
      await gateway.activated(updated.revision, "iplist");
      return toView(services, updated);
    }),

    handle.json(ipListRoutes.delete, async (call, { params, query }) => {
      const { list } = await openList(services, call, params.name, query.project);
      await gateway.activated(await ipLists.delete(list.meta.project, params.name), "iplist");
      return undefined;
    }),
  ];
}

/** The list, when the route's permission holds on it. @throws what hides or forbids it. */
async function openList(
  services: Services,
  call: Call,
  name: string,
  inProject: string | undefined,
): Promise<IpListEntry> {
  call.target = `iplist/${name}`;
  const project = projectOf(services, call, inProject) ?? call.principal.projectUid;
  const found = project === "" ? undefined : await services.ipLists.find(project, name);
  if (found === undefined) call.hide(`iplist ${name}`);
  call.authorize(targetOf.resource(found.list), `iplist ${name}`);
  return found;
}

function toView(services: Services, { list, revision }: IpListEntry, current = true): IpListView {
  const networks = current ? services.gateway.lists.get(list.meta.uid)?.size : undefined;
  return {
    kind: "iplist",
    meta: viewMeta(services, list.meta, revision),
    spec: list.spec,
    ...(networks === undefined ? {} : { status: { networks } }),
  };
}

/** Among others: a page of them must not be as large as all that stands in them. */
function shortened(view: IpListView): IpListView {
  return (view.spec.entries?.length ?? 0) <= LIMITS.gateway.maxIpListShown ? view : { ...view, spec: {} };
}
