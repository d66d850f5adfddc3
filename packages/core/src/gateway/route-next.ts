/** What a route says after a change. */
import {
  assertProtocol,
  type ClientTls,
  type ProxyVersion,
  type Route,
  spokenWith,
  type UpstreamProtocol,
  type UpstreamTls,
} from "../domain/gateway.ts";
import { type RouteActions, withActions } from "../domain/route-actions.ts";
import type { Canary, CanaryTurn } from "../domain/route-canary.ts";
import type { DeliveryChange } from "../domain/route-delivery.ts";
import type { RouteMatch } from "../domain/route-match.ts";
import { destinationsOf, type Split } from "../domain/route-split.ts";
import { withPrevious } from "../domain/route-switch.ts";
import { assertTagsFit, canonicalTags } from "../domain/upstreams.ts";
import type { GuardParts } from "./route-guards.ts";

export interface RouteChange {
  /** Canonical; with whether who asks may reach any address. */
  readonly target?: { readonly to?: string; readonly split?: Split; readonly anyUpstream: boolean };
  /** Canonical; null: not any more. One that leads elsewhere takes the place of the target. */
  readonly actions?: SaidActions;
  readonly protocol?: UpstreamProtocol;
  /** `none`: it is told to the backend no more. */
  readonly proxyProtocol?: ProxyVersion | "none";
  /** Both canonical: all of what tells which requests it takes, but for the host. */
  readonly place?: { readonly path: string; readonly match: RouteMatch | undefined };
  /** Not checked yet; null: none any more. Other routes of the host that have it get the same authorities. */
  readonly clientTls?: ClientTls | null;
  /** Not checked yet; null: as usual. */
  readonly upstreamTls?: UpstreamTls | null;
  /** Empty: none any more. */
  readonly tags?: readonly string[];
  /** Not checked yet. */
  readonly delivery?: DeliveryChange;
  readonly guards?: GuardParts;
  /** Canonical; null: none any more. */
  readonly canary?: Canary | null;
  readonly turn?: CanaryTurn;
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when the route has changed since. */
  readonly revision?: number;
}

export type SaidActions = { readonly [K in keyof RouteActions]?: RouteActions[K] | null };

export function asMember(match: RouteMatch | undefined): { match?: RouteMatch } {
  return match === undefined ? {} : { match };
}

/** @throws `invalid`. */
export function tagsOf(to: string | undefined, tags: readonly string[] = []): { tags?: readonly string[] } {
  if (tags.length === 0) return {};
  assertTagsFit(to ?? "", tags);
  return { tags: canonicalTags(tags) };
}

/** What is spoken goes with each place. @throws `invalid`. */
export function assertSpoken(led: Pick<Route["spec"], "to" | "split">, protocol: UpstreamProtocol | undefined): void {
  const places = destinationsOf(led);
  for (const to of places.length === 0 ? [undefined] : places) assertProtocol(to, protocol);
}

/** What a change makes of a route, but for TLS, delivery and guards. @throws `invalid`. */
export function nextSpec(spec: Route["spec"], change: RouteChange): Route["spec"] {
  const { target, place, proxyProtocol, protocol, actions } = change;
  const { proxyProtocol: before, protocol: spokenBefore, match, tags, ...kept } = spec;
  const { anyUpstream = spec.anyUpstream } = target ?? {};
  const { upstreamTls, ...led } = withActions(
    { ...kept, anyUpstream },
    { ...actions, to: target?.to, split: target?.split },
  );
  const isPassedOn = destinationsOf(led).length > 0;
  // What was said of the upstream goes with it.
  const rest = isPassedOn && upstreamTls !== undefined ? { ...led, upstreamTls } : led;
  const told = proxyProtocol ?? before;
  const spoken = spokenWith(protocol ?? (isPassedOn ? spokenBefore : undefined));
  assertSpoken(led, spoken.protocol);
  const { path, match: next } = place ?? { path: spec.path, match };
  const proxy = told === undefined || told === "none" ? {} : { proxyProtocol: told };
  const chosen = tagsOf(led.to, change.tags ?? (isPassedOn ? tags : undefined));
  return withPrevious(spec, { ...rest, path, ...asMember(next), ...spoken, ...proxy, ...chosen });
}
