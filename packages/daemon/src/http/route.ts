import { targetOf } from "@skerry/core/auth/access.ts";
import { authorityRoutes, type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { ClientTls, Route, UpstreamTls } from "@skerry/core/domain/gateway.ts";
import type { Permission } from "@skerry/core/domain/identity.ts";
import { ACTION_NAMES, canonicalActions, type SaidActions } from "@skerry/core/domain/route-actions.ts";
import type { CanaryText } from "@skerry/core/domain/route-canary.ts";
import {
  DELIVERY_NAMES,
  type DeliveryChange,
  deliveryOf,
  type RouteRetries,
} from "@skerry/core/domain/route-delivery.ts";
import { destinationsOf } from "@skerry/core/domain/route-split.ts";
import { switchTarget } from "@skerry/core/domain/route-switch.ts";
import { canonicalSplit, type SplitText } from "@skerry/core/domain/split-rules.ts";
import type { RouteChange } from "@skerry/core/gateway/route-next.ts";
import { type RouteEntry, toRoute } from "@skerry/core/gateway/routes.ts";
import { openBucketFor } from "./bucket.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import { canarySaid, statusOfCanary, turnSaid, viewOfCanary } from "./route-canary.ts";
import { READ_UPSTREAMS, routeExplainHandlers } from "./route-explain.ts";
import { guardsOf, type SaidGuards, viewOfGuards } from "./route-guards.ts";
import {
  assertMay,
  assertMayTake,
  leadsToGuarded,
  mayTakeAny,
  movesPlace,
  placeText,
  readDestination,
  readPlace,
  readTold,
  requestsOf,
} from "./route-place.ts";
import type { Services } from "./services.ts";

type MatchView = NonNullable<RouteView["spec"]["match"]>;
type SplitView = NonNullable<RouteView["spec"]["split"]>;

export const ANY_UPSTREAM: Permission = { root: "gateway", resource: "upstreams", action: "any" };
export const READ_CONTAINERS: Permission = { root: "compute", resource: "containers", action: "read" };
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
      const place = readPlace(body.spec);
      call.target = `route/${placeText(place)}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      assertMayTake(call, gateway, project, place);
      const { protocol } = body.spec;
      assertHttp(body.spec, place.listen);
      const target = await targetIn(services, call, project, body.spec, place);
      assertMayTrust(call, project, body.spec.upstreamTls);
      const told = readTold(body.spec.proxyProtocol, place);
      const created = await routes.create({
        ...{ ...place, project, anyUpstream: false, ...target, mayGive: (owner) => mayTakeAny(call, owner) },
        ...(told && told !== "none" && { proxyProtocol: told }),
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        ...(protocol === undefined ? {} : { protocol }),
        ...(body.name === undefined ? {} : { name: body.name }),
        ...tlsOf(body.spec),
        ...(body.spec.tags === undefined ? {} : { tags: body.spec.tags }),
        delivery: deliverySaid(body.spec),
        actions: canonicalActions(body.spec),
        ...guardsOf(body.spec, place.listen),
        ...canarySaid(body.spec),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      await gateway.activated(created.revision);
      return toView(services, created);
    }),

    handle.json(routeRoutes.update, async (call, { params, query, body }) => {
      const { route } = await openRoute(services, call, params.name, query.project);
      const change = await changeOf(services, call, route, body);
      const updated = await routes.update(route.meta.project, params.name, change);
      await gateway.activated(updated.revision);
      return toView(services, updated);
    }),

    ...turnHandlers(services),

    handle.json(routeRoutes.purge, async (call, { params, query, body }) => {
      const { route } = await openRoute(services, call, params.name, query.project);
      await gateway.purge(route.meta.uid, body.path);
      return undefined;
    }),

    handle.json(routeRoutes.delete, async (call, { params, query }) => {
      const { route } = await openRoute(services, call, params.name, query.project);
      await gateway.activated(await routes.delete(route.meta.project, params.name));
      return undefined;
    }),

    ...routeExplainHandlers(services),

    handle.json(authorityRoutes.get, async () => ({ certificate: await gateway.authorityCertificate() })),
  ];
}

function turnHandlers(services: Services) {
  return [switchHandler(services), canaryHandler(services)];
}

function switchHandler(services: Services) {
  return handle.json(routeRoutes.switch, async (call, { params, query, body }) => {
    const { route, revision } = await openRoute(services, call, params.name, query.project);
    const to = switchTarget(params.name, route.spec, body);
    // Back is from where it leads now: not to anywhere that somebody has chosen meanwhile.
    const said = { spec: { to }, ...(body.back === true ? { revision } : {}) };
    const change = await changeOf(services, call, route, said);
    const switched = await services.routes.update(route.meta.project, params.name, change);
    await services.gateway.activated(switched.revision);
    return toView(services, switched);
  });
}

function canaryHandler(services: Services) {
  return handle.json(routeRoutes.canary, async (call, { params, query, body }) => {
    const { route } = await openRoute(services, call, params.name, query.project);
    const turned = await services.routes.update(route.meta.project, params.name, turnSaid(body));
    await services.gateway.activated(turned.revision);
    return toView(services, turned);
  });
}

/** What a call says of a route that is there. */
interface Said {
  readonly spec?:
    | (Parameters<typeof movesPlace>[1] & {
        readonly to?: string | undefined;
        readonly split?: SplitText | undefined;
        readonly canary?: CanaryText | null | undefined;
        readonly protocol?: RouteChange["protocol"] | undefined;
        readonly proxyProtocol?: Parameters<typeof readTold>[0];
        readonly tags?: readonly string[] | undefined;
      } & TlsParts &
        DeliveryParts &
        SaidActions &
        SaidGuards)
    | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly revision?: number | undefined;
}

/** @throws `invalid`, and as `checkTarget`. */
async function changeOf(services: Services, call: Call, route: Route, said: Said): Promise<RouteChange> {
  const { spec = {}, labels, revision } = said;
  if (movesPlace(route.spec, spec)) {
    throw new SkerryError("invalid", "The host, or the listener, of a route does not change.", {
      hint: "Create another route, then remove this one.",
      details: { field: "host" },
    });
  }
  const { path, match, protocol } = spec;
  const { listen } = route.spec;
  const hasMoved = path !== undefined || match !== undefined;
  assertHttp(spec, listen);
  const target = await targetIn(services, call, route.meta.project, spec, route.spec);
  assertMayTrust(call, route.meta.project, trustAfter(spec, route.spec));
  const told = readTold(spec.proxyProtocol, route.spec);
  return {
    ...(told === undefined ? {} : { proxyProtocol: told }),
    ...(target === undefined ? {} : { target }),
    ...(protocol === undefined ? {} : { protocol }),
    ...tlsOf(spec),
    ...(spec.tags === undefined ? {} : { tags: spec.tags }),
    delivery: deliverySaid(spec),
    actions: canonicalActions(spec),
    ...guardsOf(spec, listen),
    ...canarySaid(spec),
    ...(hasMoved ? { place: requestsOf({ ...route.spec, ...spec }) } : {}),
    ...(labels === undefined ? {} : { labels }),
    ...(revision === undefined ? {} : { revision }),
  };
}

type DeliveryParts = { readonly [K in keyof DeliveryChange]?: RouteView["spec"][K] | null };

interface TlsParts {
  readonly clientTls?: RouteView["spec"]["clientTls"] | null;
  readonly upstreamTls?: RouteView["spec"]["upstreamTls"] | null;
}

/** What is said of TLS, without what is not. */
function tlsOf<T extends TlsParts>({ clientTls, upstreamTls }: T): Pick<RouteChange, "clientTls" | "upstreamTls"> {
  return {
    ...(clientTls === undefined ? {} : { clientTls: clientTls && (withoutUndefined(clientTls) as ClientTls) }),
    ...(upstreamTls === undefined
      ? {}
      : { upstreamTls: upstreamTls && (withoutUndefined(upstreamTls) as UpstreamTls) }),
  };
}

/** What is said of how requests are brought there. */
function deliverySaid({ timeouts, retries, hedge }: DeliveryParts): DeliveryChange {
  return {
    ...(timeouts === undefined ? {} : { timeouts: timeouts && withoutUndefined(timeouts) }),
    ...(retries === undefined ? {} : { retries: retries && (withoutUndefined(retries) as RouteRetries) }),
    ...(hedge === undefined ? {} : { hedge: hedge && withoutUndefined(hedge) }),
  };
}

export function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What is said of the upstream when it, or where it leads, changes: unverified, another place would be another one. */
function trustAfter({ to, split, upstreamTls }: TlsParts & Destinations, before: TlsParts) {
  if (upstreamTls !== undefined) return upstreamTls;
  return to === undefined && split === undefined ? undefined : before.upstreamTls;
}

/** Not to verify whom one sends to is for who may reach any. @throws `forbidden`. */
function assertMayTrust(call: Call, project: string, upstreamTls: TlsParts["upstreamTls"]): void {
  if (upstreamTls?.verify === false) assertMay(call, project, ANY_UPSTREAM, "an upstream that is not verified");
}

/** The route, when the route's permission holds on it. @throws what hides or forbids it. */
export async function openRoute(services: Services, call: Call, name: string, inProject?: string): Promise<RouteEntry> {
  call.target = `route/${name}`;
  const project = projectOf(services, call, inProject) ?? call.principal.projectUid;
  const found = await services.routes.find(project, name);
  if (found === undefined) call.hide(`route ${name}`);
  call.authorize(targetOf.resource(found.route), `route ${name}`);
  return found;
}

/** Below HTTP whatever is spoken goes through. @throws `invalid`. */
function assertHttp(
  {
    protocol,
    clientTls,
    upstreamTls,
    ...said
  }: TlsParts &
    DeliveryParts &
    SaidActions & { readonly protocol?: unknown; readonly split?: unknown; readonly canary?: unknown },
  listen: string | undefined,
): void {
  if (listen === undefined) return;
  const field = [...DELIVERY_NAMES, ...ACTION_NAMES, "split" as const, "canary" as const].find((name) => said[name]);
  if (field !== undefined) {
    throw new SkerryError("invalid", `A route below HTTP knows no requests: it has no ${field} for them.`, {
      hint: `Leave ${field} out.`,
      details: { field: `spec.${field}` },
    });
  }
  if (clientTls || upstreamTls) {
    throw new SkerryError("invalid", "A route below HTTP ends no TLS and begins none: bytes go through unread.", {
      hint: "Leave clientTls and upstreamTls out; what it leads to may ask for certificates.",
      details: { field: clientTls ? "spec.clientTls" : "spec.upstreamTls" },
    });
  }
  if (protocol === undefined) return;
  throw new SkerryError(
    "invalid",
    "A route below HTTP has no protocol of its upstream: bytes go through as they are.",
    {
      hint: "Leave the protocol out.",
      details: { field: "protocol" },
    },
  );
}

interface Destinations {
  readonly to?: string | undefined;
  readonly split?: SplitText | undefined;
}

/** Where it is said to lead, one place or several; undefined: nothing is said. @throws as `checkTarget`. */
async function targetIn(
  services: Services,
  call: Call,
  project: string,
  { to, split }: Destinations,
  before: Pick<Route["spec"], "to" | "split" | "listen"> & { readonly anyUpstream?: boolean },
): Promise<RouteChange["target"]> {
  const { listen } = before;
  if (split === undefined) return to === undefined ? undefined : checkTarget(services, call, project, to, listen);
  if (to !== undefined) {
    throw new SkerryError("invalid", "A route leads to one place, or is split among several: not both.", {
      hint: "Say one of to and split.",
      details: { field: "spec.split" },
    });
  }
  const read = canonicalSplit(split);
  const known = destinationsOf(before);
  // Who weighs what somebody with more rights has set takes nothing from it, and leads it nowhere else.
  if (read.variants.every((one) => known.includes(one.to)))
    return { split: read, anyUpstream: before.anyUpstream === true };
  for (const variant of read.variants) await checkTarget(services, call, project, variant.to, listen);
  return { split: read, anyUpstream: call.allows(ANY_UPSTREAM, { project }) };
}

/** What a route may lead to, for who asks. @throws `invalid`, `forbidden`, `not_found` (a bucket). */
async function checkTarget(
  services: Services,
  call: Call,
  project: string,
  to: string,
  listen: string | undefined,
): Promise<{ to: string; anyUpstream: boolean }> {
  const target = readDestination(to, listen);
  const anyUpstream = call.allows(ANY_UPSTREAM, { project });
  if (!anyUpstream && leadsToGuarded(services.gateway, target))
    assertMay(call, project, ANY_UPSTREAM, `the address in ${to}`);
  // Publishing shows what is in it. Containers of that name may come and go: all of the project are meant.
  if (target.kind === "container") assertMay(call, project, READ_CONTAINERS, `the containers of this project`);
  if (target.kind === "upstream") assertMay(call, project, READ_UPSTREAMS, `the upstreams of this project`);
  if (target.kind === "bucket") {
    const { bucket } = await openBucketFor(services, call, target.name, READ_OBJECTS);
    if (bucket.meta.project !== project && bucket.spec.visibility !== "public") {
      throw new SkerryError("invalid", `The bucket ${target.name} belongs to another project than the route.`, {
        hint: "Make the route in the bucket's project (--project), or the bucket public.",
        details: { field: "to" },
      });
    }
  }
  return { to: target.to, anyUpstream };
}

function actionsOf(spec: Route["spec"]): Partial<Pick<RouteView["spec"], (typeof ACTION_NAMES)[number]>> {
  return Object.fromEntries(ACTION_NAMES.flatMap((name) => (spec[name] === undefined ? [] : [[name, spec[name]]])));
}

/** As it is shown, and can be said again. */
export function specOfRoute(stored: Route["spec"]): RouteView["spec"] {
  const { host, path, match, to, split, listen, protocol, proxyProtocol, clientTls, upstreamTls, tags } = stored;
  const said = {
    ...(match === undefined ? {} : { match: match as MatchView }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(clientTls === undefined ? {} : { clientTls }),
    ...(upstreamTls === undefined ? {} : { upstreamTls }),
    ...(tags === undefined ? {} : { tags: [...tags] }),
    ...(deliveryOf(stored) as Pick<RouteView["spec"], (typeof DELIVERY_NAMES)[number]>),
    ...actionsOf(stored),
    ...viewOfCanary(stored),
  };
  const led = { ...(to === undefined ? {} : { to }), ...(split && { split: split as SplitView }) };
  const guards = viewOfGuards(stored);
  return listen === undefined
    ? { host, path, ...led, ...said, ...guards }
    : { listen, ...led, ...(proxyProtocol && { proxyProtocol }), ...guards };
}

function toView(services: Services, { route, revision }: RouteEntry, current = true) {
  const spec = specOfRoute(route.spec);
  const view = { kind: "route" as const, meta: viewMeta(services, route.meta, revision), spec };
  const { previousTo } = route.spec;
  const before = previousTo === undefined ? {} : { previousTo };
  return current
    ? { ...view, status: { ...services.gateway.statusOf(route), ...before, ...statusOfCanary(services, route) } }
    : view;
}
