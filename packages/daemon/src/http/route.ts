import { isIP } from "node:net";
import { targetOf } from "@skerry/core/auth/access.ts";
import { authorityRoutes, routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import {
  canonicalHost,
  canonicalPath,
  canonicalTarget,
  needsOperator,
  parseTarget,
  type RouteTarget,
} from "@skerry/core/domain/gateway.ts";
import type { Permission } from "@skerry/core/domain/identity.ts";
import { type RouteEntry, toRoute } from "@skerry/core/gateway/routes.ts";
import { openBucketFor } from "./bucket.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

const ANY_HOST: Permission = { root: "gateway", resource: "routes", action: "any" };
const ANY_UPSTREAM: Permission = { root: "gateway", resource: "upstreams", action: "any" };
const READ_CONTAINERS: Permission = { root: "compute", resource: "containers", action: "read" };
const READ_OBJECTS: Permission = { root: "storage", resource: "objects", action: "read" };

export function routeHandlers(services: Services) {
  const { gateway, routes, store } = services;
  const collection = (call: Call): Collection<ReturnType<typeof toView>> => ({
    kind: "route",
    visible: (entry) => call.allows(call.permission, targetOf.resource(toRoute(entry).route)),
    present: (entry, current) => toView(services, toRoute(entry), current),
  });
  return [
    listHandler(store, routeRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(routeRoutes.get, async (call, { params, query }) => {
      return toView(services, await openRoute(services, call, params.name, query.project));
    }),

    handle.json(routeRoutes.create, async (call, { body }) => {
      const host = canonicalHost(body.spec.host);
      const path = canonicalPath(body.spec.path ?? "/");
      call.target = `route/${host}${path}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      if (needsOperator(host)) assertMay(call, project, ANY_HOST, `the host ${host}`);
      const target = await checkTarget(services, call, project, body.spec.to);
      const created = await routes.create({
        ...{ host, path, project, ...target },
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        ...(body.name === undefined ? {} : { name: body.name }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      await gateway.activated(created.revision);
      return toView(services, created);
    }),

    handle.json(routeRoutes.update, async (call, { params, query, body }) => {
      const { route } = await openRoute(services, call, params.name, query.project);
      const { project } = route.meta;
      const { host, path, to } = body.spec ?? {};
      if (
        (host !== undefined && canonicalHost(host) !== route.spec.host) ||
        (path !== undefined && canonicalPath(path) !== route.spec.path)
      ) {
        throw new SkerryError("invalid", "Host and path of a route do not change.", {
          hint: "Create another route, then remove this one.",
          details: { field: "spec" },
        });
      }
      const target = to === undefined ? undefined : await checkTarget(services, call, project, to);
      const updated = await routes.update(project, params.name, {
        ...(target === undefined ? {} : { target }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
        ...(body.revision === undefined ? {} : { revision: body.revision }),
      });
      await gateway.activated(updated.revision);
      return toView(services, updated);
    }),

    handle.json(routeRoutes.delete, async (call, { params, query }) => {
      const { route } = await openRoute(services, call, params.name, query.project);
      await gateway.activated(await routes.delete(route.meta.project, params.name));
      return undefined;
    }),

    handle.json(authorityRoutes.get, async () => ({ certificate: await gateway.authorityCertificate() })),
  ];
}

/** The route, when the route's permission holds on it. @throws what hides or forbids it. */
async function openRoute(services: Services, call: Call, name: string, inProject?: string): Promise<RouteEntry> {
  call.target = `route/${name}`;
  const project = projectOf(services, call, inProject) ?? call.principal.projectUid;
  const found = await services.routes.find(project, name);
  if (found === undefined) call.hide(`route ${name}`);
  call.authorize(targetOf.resource(found.route), `route ${name}`);
  return found;
}

/** @throws `forbidden` that names the permission. */
function assertMay(call: Call, project: string, permission: Permission, what: string): void {
  if (call.allows(permission, { project })) return;
  const text = `${permission.root}.${permission.resource}:${permission.action}`;
  throw new SkerryError("forbidden", `You may not use ${what}: it needs ${text}.`, {
    hint: "Ask an operator or admin of this cloud.",
    details: { permission: text },
  });
}

/** What a route may lead to, for who asks. @throws `invalid`, `forbidden`, `not_found` (a bucket). */
async function checkTarget(
  services: Services,
  call: Call,
  project: string,
  to: string,
): Promise<{ to: string; anyUpstream: boolean }> {
  const target = parseTarget(to);
  const anyUpstream = call.allows(ANY_UPSTREAM, { project });
  if (!anyUpstream && leadsToGuarded(services, target)) assertMay(call, project, ANY_UPSTREAM, `the address in ${to}`);
  // Publishing shows what is in it. Containers of that name may come and go: all of the project are meant.
  if (target.kind === "container") assertMay(call, project, READ_CONTAINERS, `the containers of this project`);
  if (target.kind === "bucket") {
    const { bucket } = await openBucketFor(services, call, target.name, READ_OBJECTS);
    if (bucket.meta.project !== project && bucket.spec.visibility !== "public") {
      throw new SkerryError("invalid", `The bucket ${target.name} belongs to another project than the route.`, {
        hint: "Make the route in the bucket's project (--project), or the bucket public.",
        details: { field: "to" },
      });
    }
  }
  return { to: canonicalTarget(to), anyUpstream };
}

/** What can be told before a name is resolved; the rest is checked at each connect. */
function leadsToGuarded({ gateway }: Services, target: RouteTarget): boolean {
  if (target.kind !== "url") return false;
  const { host } = target;
  return isIP(host) !== 0 ? gateway.isGuarded(host) : /(^|\.)localhost\.?$/i.test(host);
}

function toView(services: Services, { route, revision }: RouteEntry, current = true) {
  const { host, path, to } = route.spec;
  const view = { kind: "route" as const, meta: viewMeta(services, route.meta, revision), spec: { host, path, to } };
  return current ? { ...view, status: services.gateway.statusOf(route) } : view;
}
