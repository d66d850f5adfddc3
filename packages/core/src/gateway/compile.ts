/** From routes to what a gateway worker runs. Pure: what a target means at this moment is looked up by the caller. */
import { createHash } from "node:crypto";
import type { KeyedCertificate } from "../domain/certificates.ts";
import type { ContainerEndpoint } from "../domain/compute.ts";
import { parseTarget, type Route, type RouteSpec, type RouteTarget, spokenWith } from "../domain/gateway.ts";
import type { Visibility } from "../domain/objects.ts";
import { ACTION_NAMES, type RouteActions } from "../domain/route-actions.ts";
import { isLive } from "../domain/route-canary.ts";
import { deliveryOf } from "../domain/route-delivery.ts";
import { type Split, splitCookieOf, type Variant } from "../domain/route-split.ts";
import { careOf } from "../domain/upstream-care.ts";
import { type BackendSpec, stickyNameOf, type UpstreamResource, type UpstreamSpec } from "../domain/upstreams.ts";
import { assertActionsFit } from "./actions/fit.ts";
import { compileAccess } from "./guard/access.ts";
import { assertMatch } from "./routing/patterns.ts";
import type { Backend, Guard, SplitRule, TableEntry, Upstream, UpstreamTlsRule } from "./table.ts";
import { termsIdOf } from "./tls/peer.ts";

export interface BucketFacts {
  readonly uid: string;
  /** Uid of its project. */
  readonly project: string;
  readonly visibility: Visibility;
}

export interface Lookups {
  bucket(name: string): BucketFacts | undefined;
  container(project: string, name: string): ContainerEndpoint | undefined;
  upstream(project: string, name: string): UpstreamResource | undefined;
  /** Of the use `client`; text: why there is none. */
  clientCertificate(project: string, name: string): KeyedCertificate | string;
  /** Uid of a list of networks. */
  ipList(project: string, name: string): string | undefined;
  /** The unix socket of the server of static sites. */
  readonly sitesSocket: string;
}

/** @throws `invalid` when a pattern cannot be read. */
export function compileRoute(route: Route, lookups: Lookups): TableEntry {
  const { meta, spec } = route;
  const { host, path, match, clientTls } = spec;
  if (match !== undefined) assertMatch(path, match);
  assertActionsFit(spec);
  const guard = compileGuard(meta.project, spec, lookups);
  return {
    ...{ id: meta.uid, name: meta.name, project: meta.project, host, path },
    ...(match === undefined ? {} : { match }),
    upstream: typeof guard === "string" ? { ...NOWHERE, reason: guard } : upstreamOf(route, lookups),
    ...(spec.split === undefined || typeof guard === "string"
      ? {}
      : { split: compileSplit(route, spec.split, lookups) }),
    ...deliveryOf(spec),
    // Nor is anybody answered who may not come in.
    ...(typeof guard === "string" ? {} : compileActions(spec)),
    ...(clientTls === undefined ? {} : { clientTls: { id: termsIdOf(clientTls), mode: clientTls.mode } }),
    ...(guard === undefined || typeof guard === "string" ? {} : { guard }),
  };
}

const NOWHERE: Upstream = { backends: [], reach: "restricted" };

function compileActions(spec: Route["spec"]): { actions?: RouteActions } {
  const there = ACTION_NAMES.filter((name) => spec[name] !== undefined);
  return there.length === 0 ? {} : { actions: Object.fromEntries(there.map((name) => [name, spec[name]])) };
}

/** `{host}` is what the client said. */
function withHost(upstream: Upstream, { hostHeader }: Route["spec"]): Upstream {
  if (hostHeader === undefined) return upstream;
  const backends = upstream.backends.map((backend) => {
    if (backend.kind !== "tcp") return backend;
    const { hostHeader: _, ...rest } = backend;
    return hostHeader === "{host}" ? rest : { ...rest, hostHeader };
  });
  return { ...upstream, backends };
}

function upstreamOf(route: Route, lookups: Lookups): Upstream {
  const { to } = route.spec;
  return to === undefined ? NOWHERE : withHost(compileTarget(route, to, lookups), route.spec);
}

function compileSplit(route: Route, { variants, sticky }: Split, lookups: Lookups): SplitRule {
  const { path, match, rollout } = route.spec;
  const upstreamTo = ({ to, tags }: Variant) =>
    withHost(compileTarget({ ...route, spec: { ...route.spec, tags: tags ?? [] } }, to, lookups), route.spec);
  const cookiePath = match?.path === "regex" ? "/" : path;
  return {
    variants: variants.map((one) => ({ name: one.name, weight: one.weight, upstream: upstreamTo(one) })),
    ...(sticky && { sticky: { ...sticky, name: splitCookieOf(sticky, route.meta.name), path: cookiePath } }),
    ...(isLive(rollout) ? { isMoving: true } : {}),
  };
}

/** Text: what it lacks, without which nobody may come in. */
function compileGuard(
  project: string,
  { access, limits, priority }: RouteSpec,
  lookups: Lookups,
): Guard | string | undefined {
  const compiled = access && compileAccess(access, (name) => lookups.ipList(project, name));
  if (typeof compiled === "string") return compiled;
  const guard = { ...(compiled && { access: compiled }), ...(limits && { limits }), ...(priority && { priority }) };
  return Object.keys(guard).length === 0 ? undefined : guard;
}

function compileTarget({ meta, spec }: Route, to: string, lookups: Lookups): Upstream {
  const target = parseTarget(to);
  if (target.kind === "upstream") return compileUpstream(meta.project, target.name, spec.tags ?? [], lookups);
  const reach = reachOf(spec);
  const made =
    target.kind === "bucket"
      ? compileSite(meta.project, target.name, spec, lookups)
      : compileBackend(meta.project, target, spec, lookups);
  if (typeof made === "string") return { id: meta.uid, backends: [], reason: made, reach };
  return { id: meta.uid, backends: [made.backend], reach: made.reach ?? reach };
}

function reachOf({ anyUpstream }: { readonly anyUpstream: boolean }): Upstream["reach"] {
  return anyUpstream ? "any" : "restricted";
}

/** What leads nowhere at this moment is left out. */
function compileUpstream(project: string, name: string, tags: readonly string[], lookups: Lookups): Upstream {
  const found = lookups.upstream(project, name);
  if (found === undefined) return { backends: [], reason: `there is no upstream ${name}`, reach: "restricted" };
  const { meta, spec } = found;
  const asked = spec.backends.filter((one) => tags.every((tag) => one.tags.includes(tag)));
  const made = asked.map((one) => compileMember(project, one, spec, lookups));
  const backends = made.flatMap((one) => (typeof one === "string" ? [] : [one]));
  const { balance, sticky } = spec;
  const care = careOf(spec);
  const upstream = {
    ...({ id: meta.uid, backends, reach: "restricted" } as const),
    ...(balance === undefined ? {} : { balance }),
    ...(sticky === undefined ? {} : { sticky: { ...sticky, name: stickyNameOf(sticky, name) } }),
    ...(care === undefined ? {} : { care }),
  };
  if (asked.length === 0) {
    return { ...upstream, reason: `no backend of the upstream ${name} has the tags ${tags.join()}` };
  }
  if (backends.length === 0) return { ...upstream, reason: `the upstream ${name} has no backend: ${made.join(", ")}` };
  if (backends.every(({ drain }) => drain)) return { ...upstream, reason: `the upstream ${name} is drained` };
  return upstream;
}

/** How each backend is: text is why it leads nowhere at this moment. */
export function backendsOf({ meta, spec }: UpstreamResource, lookups: Lookups): (Backend | string)[] {
  return spec.backends.map((one) => compileMember(meta.project, one, spec, lookups));
}

function compileMember(project: string, one: BackendSpec, spec: UpstreamSpec, lookups: Lookups): Backend | string {
  const target = parseTarget(one.to);
  if (target.kind === "bucket" || target.kind === "upstream") return `${one.to} is no place for a backend`;
  const made = compileBackend(project, target, spec, lookups);
  if (typeof made === "string") return made;
  const reach = made.reach ?? reachOf(one);
  return {
    ...made.backend,
    name: one.name,
    ...(one.weight === 1 ? {} : { weight: one.weight }),
    ...(one.drain ? { drain: true } : {}),
    ...(reach === "restricted" ? {} : { reach }),
  };
}

/** `reach` where it is not what was asked for; text: why there is none. */
type Compiled = { readonly backend: Backend; readonly reach?: "any" } | string;

function compileBackend(
  project: string,
  target: Extract<RouteTarget, { kind: "url" | "container" }>,
  spec: Pick<RouteSpec, "protocol" | "upstreamTls">,
  lookups: Lookups,
): Compiled {
  const tlsRule = compileTls(project, spec, target, lookups);
  if (typeof tlsRule === "string") return tlsRule;
  const withRule = tlsRule === undefined ? {} : { tlsRule };
  if (target.kind === "url") {
    const { host, port, tls, basePath, h2c } = target;
    const authority = `${host.includes(":") ? `[${host}]` : host}${port === 443 ? "" : `:${port}`}`;
    // Who asks for TLS asks for that name; without, the server behind is ours and wants to know what was asked for.
    const backend: Backend = {
      ...({ kind: "tcp", host, port, tls, basePath } as const),
      ...(tls ? { hostHeader: authority } : {}),
      ...spokenWith(h2c ? "h2" : spec.protocol),
      ...withRule,
    };
    return { backend };
  }
  const { name, port, tls } = target;
  const found = lookups.container(project, name);
  if (found === undefined) return `there is no container ${name}`;
  if (found.state === "down") return found.reason;
  // The address is one that we gave: nobody can make it lead elsewhere.
  const backend = { kind: "tcp", host: found.address, port, tls, basePath: "", ...withRule } as const;
  return { backend: { ...backend, ...spokenWith(spec.protocol) }, reach: "any" };
}

function compileSite(project: string, name: string, { match, path, rewrite }: RouteSpec, lookups: Lookups): Compiled {
  const bucket = lookups.bucket(name);
  // Only what is the project's own, or everyone's.
  if (bucket === undefined || (bucket.project !== project && bucket.visibility !== "public")) {
    return `there is no bucket ${name}`;
  }
  // Only a prefix is a folder; a path that is exact, of a pattern, or rewritten, is asked for as it is.
  const isFolder = match?.path === undefined && rewrite === undefined;
  const basePath = sitePath(bucket.uid, isFolder ? path : "/");
  return { backend: { kind: "unix", path: lookups.sitesSocket, basePath } };
}

/** Undefined: none, or as usual; text: why the upstream cannot be spoken to. */
function compileTls(
  project: string,
  { upstreamTls = {} }: Pick<RouteSpec, "upstreamTls">,
  target: Extract<RouteTarget, { kind: "url" | "container" }>,
  lookups: Lookups,
): UpstreamTlsRule | string | undefined {
  if (!target.tls) return undefined;
  const { ca, clientCertificate, verify = true } = upstreamTls;
  // A container is called by its name: its address is nobody's to certify.
  const serverName = upstreamTls.serverName ?? (target.kind === "container" ? target.name : undefined);
  const certificate =
    clientCertificate === undefined ? undefined : lookups.clientCertificate(project, clientCertificate);
  if (typeof certificate === "string") return certificate;
  const rule = {
    ...(serverName === undefined ? {} : { serverName }),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    verify,
  };
  if (verify && Object.keys(rule).length === 1) return undefined;
  return { id: createHash("sha256").update(JSON.stringify(rule)).digest("hex").slice(0, 32), ...rule };
}

/** How the server of static sites is asked for a bucket, and told how much of the path the route has used up. */
function sitePath(bucketUid: string, routePath: string): string {
  return `/${bucketUid}/${routePath === "/" ? 0 : routePath.length}`;
}

/** The reverse: bucket, and the path below the route, as it was sent (still encoded). Undefined: not of this form. */
export function parseSitePath(target: string): { bucket: string; routePath: string; path: string } | undefined {
  const match = /^\/([a-z2-7]{26})\/(\d{1,3})(\/.*)?$/.exec(target);
  if (match === null) return undefined;
  const path = match[3] ?? "/";
  const used = Number(match[2]);
  return { bucket: match[1] ?? "", routePath: path.slice(0, used), path: path.slice(used) };
}
