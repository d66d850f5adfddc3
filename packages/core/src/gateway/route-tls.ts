/** What the routes of one host say of certificates of clients: a handshake has one answer for all of them. */
import { SkerryError } from "../domain/errors.ts";
import type { ClientTls, Route, RouteSpec, UpstreamTls } from "../domain/gateway.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import { resourceKey, touchMeta } from "../domain/resource.ts";
import type { Compare, Json, Op, Store } from "../domain/store.ts";
import { termsIdOf } from "./tls/peer.ts";

/** Undefined: as it is; null: without. */
export function withTls(
  { clientTls: clientBefore, upstreamTls: upstreamBefore, ...spec }: RouteSpec,
  clientTls: ClientTls | null = clientBefore ?? null,
  upstreamTls: UpstreamTls | null = upstreamBefore ?? null,
): RouteSpec {
  return { ...spec, ...(clientTls && { clientTls }), ...(upstreamTls && { upstreamTls }) };
}

interface Found {
  readonly route: Route;
  readonly revision: number;
}

/** Routes of the same host whose authorities of clients are others. */
async function otherTerms(store: Store, { meta, spec }: Route): Promise<Found[]> {
  if (spec.clientTls === undefined) return [];
  const id = termsIdOf(spec.clientTls);
  const { entries } = await store.list({ prefix: `/route/${meta.project}/` });
  return entries
    .map(({ value, modRevision }) => ({ route: value as unknown as Route, revision: modRevision }))
    .filter(({ route: other }) => {
      const { host, clientTls } = other.spec;
      return (
        host === spec.host && other.meta.uid !== meta.uid && clientTls !== undefined && termsIdOf(clientTls) !== id
      );
    });
}

/** @throws `conflict`. */
export async function assertSameTerms(store: Store, route: Route): Promise<void> {
  const [other] = await otherTerms(store, route);
  if (other === undefined) return;
  const { name } = other.route.meta;
  const message = `The route ${name} of ${route.spec.host} takes certificates of clients of other authorities.`;
  throw new SkerryError("conflict", message, {
    hint: `A host has one: give the same, or change that one first: skerry route update ${name} --client-ca FILE`,
    details: { field: "spec.clientTls" },
  });
}

/** What writes down that other routes of the host have the same authorities. @throws `conflict` when there are too many. */
export async function changedTogether(
  store: Store,
  clock: Clock,
  next: Route,
  clientTls: ClientTls | null | undefined,
): Promise<{ compare: Compare[]; then: Op[] }> {
  const others = clientTls ? await otherTerms(store, next) : [];
  const most = LIMITS.gateway.maxChangedTogether;
  if (others.length > most) {
    const message = `More than ${most} routes of ${next.spec.host} have authorities of clients: they cannot change together.`;
    throw new SkerryError("conflict", message, { hint: "Take it from some of them first." });
  }
  const compare: Compare[] = [];
  const then: Op[] = [];
  for (const { route, revision } of others) {
    const { mode = "require" } = route.spec.clientTls ?? {};
    const meta = touchMeta(route.meta, clock);
    const key = resourceKey("route", meta.project, meta.name);
    const changed = { ...route, meta, spec: withTls(route.spec, clientTls && { ...clientTls, mode }) };
    compare.push({ key, modRevision: revision });
    then.push({ op: "put", key, value: changed as unknown as Json, labels: meta.labels });
  }
  return { compare, then };
}
