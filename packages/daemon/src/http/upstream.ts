import { targetOf } from "@skerry/core/auth/access.ts";
import { type UpstreamView, upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { Route, UpstreamTls } from "@skerry/core/domain/gateway.ts";
import type { Permission } from "@skerry/core/domain/identity.ts";
import { CARE_NAMES, type CareChange } from "@skerry/core/domain/upstream-care.ts";
import {
  type BackendSpec,
  type BackendText,
  type BalanceText,
  canonicalBackends,
  type StickyText,
  type UpstreamSpec,
} from "@skerry/core/domain/upstreams.ts";
import { toUpstream, type UpstreamEntry, type UpstreamParts } from "@skerry/core/gateway/upstreams/service.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import { ANY_UPSTREAM, READ_CONTAINERS, withoutUndefined } from "./route.ts";
import { assertMay, leadsToGuarded, readDestination } from "./route-place.ts";
import type { Services } from "./services.ts";

const READ_ROUTES: Permission = { root: "gateway", resource: "routes", action: "read" };

export function upstreamHandlers(services: Services) {
  const { gateway, store, upstreams } = services;
  const collection = (call: Call): Collection<UpstreamView> => ({
    kind: "upstream",
    visible: (entry) => call.allows(call.permission, targetOf.resource(toUpstream(entry).upstream)),
    present: (entry, current) => toView(services, toUpstream(entry), current),
  });
  return [
    listHandler(store, upstreamRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(upstreamRoutes.get, async (call, { params, query }) => {
      return toView(services, await openUpstream(services, call, params.name, query.project));
    }),

    handle.json(upstreamRoutes.create, async (call, { body }) => {
      call.target = `upstream/${body.name}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      const created = await upstreams.create({
        ...{ name: body.name, project, ...partsOf(services, call, project, body.spec) },
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      await gateway.activated(created.revision, "upstream");
      return toView(services, created);
    }),

    handle.json(upstreamRoutes.update, async (call, { params, query, body }) => {
      const { upstream, revision } = await openUpstream(services, call, params.name, query.project);
      const { project } = upstream.meta;
      const updated = await upstreams.update(project, params.name, {
        ...partsOf(services, call, project, body.spec ?? {}, upstream.spec),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
        // Who may reach what was decided by what was read.
        revision: body.revision ?? revision,
      });
      await gateway.activated(updated.revision, "upstream");
      return toView(services, updated);
    }),

    handle.json(upstreamRoutes.delete, async (call, { params, query }) => {
      const { upstream } = await openUpstream(services, call, params.name, query.project);
      const mayName = (route: Route) => call.allows(READ_ROUTES, targetOf.resource(route));
      const revision = await upstreams.delete(upstream.meta.project, params.name, mayName);
      await gateway.activated(revision, "upstream");
      gateway.forgetUpstream(upstream.meta.uid);
      return undefined;
    }),
  ];
}

/** The upstream, when the permission of the call holds on it. @throws what hides or forbids it. */
async function openUpstream(
  services: Services,
  call: Call,
  name: string,
  inProject: string | undefined,
): Promise<UpstreamEntry> {
  call.target = `upstream/${name}`;
  const project = projectOf(services, call, inProject) ?? call.principal.projectUid;
  const found = project === "" ? undefined : await services.upstreams.find(project, name);
  if (found === undefined) call.hide(`upstream ${name}`);
  call.authorize(targetOf.resource(found.upstream), `upstream ${name}`);
  return found;
}

interface Said {
  readonly backends?: readonly BackendText[] | undefined;
  readonly balance?: BalanceText | undefined;
  readonly sticky?: StickyText | null | undefined;
  readonly protocol?: UpstreamSpec["protocol"] | undefined;
  readonly upstreamTls?: UpstreamView["spec"]["upstreamTls"] | null;
}

type CareParts = { readonly [K in keyof CareChange]?: UpstreamView["spec"][K] | null };

/** What is said, for who says it. @throws `invalid`, `forbidden`. */
function partsOf(
  services: Services,
  call: Call,
  project: string,
  { backends, balance, sticky, protocol, upstreamTls, ...said }: Said & CareParts,
  before?: UpstreamSpec,
): UpstreamParts {
  const made = backends && readBackends(services, call, project, backends, before);
  // Not to verify whom one sends to is for who may reach any; elsewhere is another one.
  const isElsewhere = made?.some((one) => !isKept(before, one)) ?? false;
  const trust = upstreamTls === undefined && isElsewhere ? before?.upstreamTls : upstreamTls;
  if (trust?.verify === false) assertMay(call, project, ANY_UPSTREAM, "an upstream that is not verified");
  return {
    ...(made === undefined ? {} : { backends: made }),
    care: careSaid(said),
    ...(balance === undefined ? {} : { balance }),
    ...(sticky === undefined ? {} : { sticky }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(upstreamTls === undefined
      ? {}
      : { upstreamTls: upstreamTls && (withoutUndefined(upstreamTls) as UpstreamTls) }),
  };
}

function careSaid(said: CareParts): CareChange {
  const parts = CARE_NAMES.map((name) => [name, said[name]] as const);
  const plain = parts.map(([name, part]) => [name, part && typeof part === "object" ? withoutUndefined(part) : part]);
  return Object.fromEntries(plain) as CareChange;
}

/** One that keeps its name and where it leads keeps what it may reach: who drains it need not be who set it. */
function readBackends(
  services: Services,
  call: Call,
  project: string,
  said: readonly BackendText[],
  before: UpstreamSpec | undefined,
): BackendSpec[] {
  const mayReachAny = call.allows(ANY_UPSTREAM, { project });
  return canonicalBackends(said).map((one) => {
    const kept = before?.backends.find(({ name, to }) => name === one.name && to === one.to);
    if (kept !== undefined) return { ...one, anyUpstream: kept.anyUpstream };
    const target = readDestination(one.to, undefined);
    if (!mayReachAny && leadsToGuarded(services.gateway, target)) {
      assertMay(call, project, ANY_UPSTREAM, `the address in ${one.to}`);
    }
    if (target.kind === "container") assertMay(call, project, READ_CONTAINERS, `the containers of this project`);
    return { ...one, anyUpstream: mayReachAny };
  });
}

function isKept(before: UpstreamSpec | undefined, { name, to }: BackendSpec): boolean {
  return before?.backends.some((one) => one.name === name && one.to === to) ?? false;
}

/** As it is shown, and can be said again. */
export function specOfUpstream({ backends, ...rest }: UpstreamSpec): UpstreamView["spec"] {
  const shown = backends.map(({ anyUpstream: _, tags, ...one }) => ({ ...one, tags: [...tags] }));
  return { ...rest, backends: shown };
}

function toView(services: Services, { upstream, revision }: UpstreamEntry, current = true): UpstreamView {
  const meta = viewMeta(services, upstream.meta, revision);
  const view: UpstreamView = { kind: "upstream", meta, spec: specOfUpstream(upstream.spec) };
  if (!current) return view;
  const { backends: states, ...status } = services.gateway.upstreamStatusOf(upstream);
  return { ...view, status: { ...status, backends: [...states] } };
}
