/**
 * Routes in the store. A host name belongs, with all names below it, to the project whose route claimed it first, until its
 * last route to the name goes: claims lie beside the routes and change in the same transactions.
 */

import { SkerryError } from "../domain/errors.ts";
import {
  type ClientTls,
  claimedName,
  namesAbove,
  type ProxyVersion,
  type Route,
  routeNameOf,
  spokenWith,
  type UpstreamProtocol,
  type UpstreamTls,
} from "../domain/gateway.ts";
import { LIMITS } from "../domain/limits.ts";
import { listenerRouteName, parseListener, portOfListener } from "../domain/listeners.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, newMeta, resourceKey, touchMeta } from "../domain/resource.ts";
import { type RouteActions, withActions } from "../domain/route-actions.ts";
import { type Canary, withCanary } from "../domain/route-canary.ts";
import { checkDelivery, type DeliveryChange, withDelivery } from "../domain/route-delivery.ts";
import type { RouteMatch } from "../domain/route-match.ts";
import type { Split } from "../domain/route-split.ts";
import type { Compare, Entry, Op, Store } from "../domain/store.ts";
import { Turns } from "../domain/turns.ts";
import { assertActionsFit } from "./actions/fit.ts";
import { expectLists } from "./guard/lists-service.ts";
import { claimPort, releasePort } from "./port-claims.ts";
import { expectProject, hasChanged, put } from "./project-resources.ts";
import { type GuardParts, withGuards } from "./route-guards.ts";
import { asMember, assertSpoken, nextSpec, type RouteChange, type SaidActions, tagsOf } from "./route-next.ts";
import { placeKey } from "./route-place-key.ts";
import { busy, hostTaken, nameTaken } from "./route-refusals.ts";
import { assertSameTerms, changedTogether, withTls } from "./route-tls.ts";
import { checkClientTls } from "./tls/client-authorities.ts";
import { assertSpeaksTls, checkUpstreamTls } from "./tls/upstream-rules.ts";

/** A route with the revision of its last change. */
export interface RouteEntry {
  readonly route: Route;
  readonly revision: number;
}

export interface NewRoute {
  /** Default: after host and path. */
  readonly name?: string;
  /** Uid and name of the project that it comes into. */
  readonly project: string;
  readonly projectName: string;
  /** These three in their canonical form. */
  readonly host: string;
  readonly path: string;
  /** Canonical, with patterns that can be used. */
  readonly match?: RouteMatch;
  readonly to?: string;
  readonly split?: Split;
  readonly anyUpstream: boolean;
  readonly actions?: SaidActions;
  readonly protocol?: UpstreamProtocol;
  /** Of a route below HTTP, canonical: see `RouteSpec`. */
  readonly listen?: string;
  readonly proxyProtocol?: ProxyVersion;
  /** Not checked yet; null is none. */
  readonly clientTls?: ClientTls | null;
  readonly upstreamTls?: UpstreamTls | null;
  readonly tags?: readonly string[];
  /** Not checked yet. */
  readonly delivery?: DeliveryChange;
  readonly guards?: GuardParts;
  /** Canonical. */
  readonly canary?: Canary;
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether who asks may give a name away that is below one which this project has claimed. Absent: none. */
  readonly mayGive?: (project: string) => boolean;
}

/** Who has a host name, and through how many routes. */
interface Claim {
  readonly project: string;
  readonly routes: number;
}

export class RouteService {
  readonly #store: Store;
  readonly #world: { clock: Clock; random: Random };
  /** What one project changes goes one after another: all of it counts the same claims. Others' changes are compared for. */
  readonly #turns = new Turns();

  constructor(options: { store: Store; clock: Clock; random: Random }) {
    this.#store = options.store;
    this.#world = options;
  }

  async find(project: string, name: string): Promise<RouteEntry | undefined> {
    const entry = await this.#store.get(resourceKey("route", project, name));
    return entry === undefined ? undefined : toRoute(entry);
  }

  /**
   * @throws `conflict/exists` (name, or host with path and match, taken in the project), `conflict` (the host, or one that it is
   * below, is another project's: its name is not told), `exhausted/quota`, `not_found` (the project is being deleted).
   */
  create(input: NewRoute): Promise<RouteEntry> {
    return this.#turns.take(input.project, () => this.#create(input));
  }

  async #create(input: NewRoute): Promise<RouteEntry> {
    const { host, path, match, anyUpstream, project, listen, proxyProtocol, to, split } = input;
    const led = withActions<Pick<Route["spec"], "to" | "split" | keyof RouteActions>>(
      {},
      { ...input.actions, to, split },
    );
    assertSpoken(led, input.protocol);
    const name =
      input.name ?? (listen === undefined ? routeNameOf(host, path, match) : listenerRouteName(parseListener(listen)));
    assertName(name, "route");
    await this.#assertRoom(project, { ...led, match });
    const { labels } = input;
    const clientTls = input.clientTls && checkClientTls(input.clientTls, this.#world.clock.wallMs());
    const meta = newMeta({ name, project, ...(labels === undefined ? {} : { labels }) }, this.#world);
    const upstreamTls = input.upstreamTls && checkUpstreamTls(input.upstreamTls);
    const below = listen === undefined ? {} : { listen, ...(proxyProtocol && { proxyProtocol }) };
    const spoken = { ...spokenWith(input.protocol), ...tagsOf(led.to, input.tags) };
    const plain = { host, path, ...asMember(match), ...led, anyUpstream, ...spoken, ...below };
    const delivered = withDelivery(withTls(plain, clientTls, upstreamTls), checkDelivery(input.delivery ?? {}));
    const guarded = withGuards(delivered, input.guards);
    const spec = withCanary({}, guarded, { canary: input.canary }, this.#world.clock.wallMs());
    assertSpeaksTls(spec);
    assertActionsFit(spec);
    const route: Route = { kind: "route", meta, spec };
    const key = resourceKey("route", project, name);
    const place = placeKey(route.spec);
    for (let attempt = 0; attempt < LIMITS.gateway.maxTransactionAttempts; attempt++) {
      const owner = await expectProject(this.#store, input.projectName, project);
      // The place first: another name would not help.
      if ((await this.#store.get(place)) !== undefined) await this.#refusePlace(route);
      if ((await this.#store.get(key)) !== undefined) throw nameTaken(name);
      const claim = await this.#claim(host, project, input.mayGive);
      const port = await claimPort(this.#store, portOf(route), project);
      await assertSameTerms(this.#store, route);
      const lists = await expectLists(this.#store, project, spec.access);
      const { succeeded, revision } = await this.#store.transact({
        compare: [
          { key: owner.key, modRevision: owner.modRevision },
          { key, modRevision: 0 },
          { key: place, modRevision: 0 },
          ...claim.compare,
          ...[...port.compare, ...lists],
        ],
        then: [
          put(key, route),
          { op: "put", key: place, value: { uid: meta.uid, project, name } },
          ...claim.then,
          ...port.then,
        ],
      });
      if (succeeded) return { route, revision };
    }
    throw busy(name);
  }

  /** @throws `not_found`, `conflict/precondition`, `conflict/exists` (another route has the place), `exhausted/quota`. */
  update(project: string, name: string, change: RouteChange): Promise<RouteEntry> {
    return this.#turns.take(project, () => this.#update(project, name, change));
  }

  async #update(project: string, name: string, change: RouteChange): Promise<RouteEntry> {
    const asked = change.clientTls;
    const clientTls = asked && checkClientTls(asked, this.#world.clock.wallMs());
    const upstreamTls = change.upstreamTls && (checkUpstreamTls(change.upstreamTls) ?? null);
    const delivery = checkDelivery(change.delivery ?? {});
    for (let attempt = 0; attempt < LIMITS.gateway.maxTransactionAttempts; attempt++) {
      const { route, revision } = await this.#expect(project, name);
      if (change.revision !== undefined && change.revision !== revision) throw hasChanged("route", name);
      const delivered = withDelivery(withTls(nextSpec(route.spec, change), clientTls, upstreamTls), delivery);
      const next: Route = {
        ...route,
        meta: touchMeta(route.meta, this.#world.clock, change.labels),
        spec: withCanary(route.spec, withGuards(delivered, change.guards), change, this.#world.clock.wallMs()),
      };
      assertSpeaksTls(next.spec);
      assertActionsFit(next.spec);
      const key = resourceKey("route", project, name);
      if (!hasPattern(route.spec)) await this.#assertRoom(project, next.spec, 0);
      const move = await this.#move(route, next);
      const others = await changedTogether(this.#store, this.#world.clock, next, clientTls);
      const lists = await expectLists(this.#store, project, change.guards?.access ? next.spec.access : undefined);
      const result = await this.#store.transact({
        compare: [{ key, modRevision: revision }, ...move.compare, ...others.compare, ...lists],
        then: [put(key, next), ...move.then, ...others.then],
      });
      if (result.succeeded) return { route: next, revision: result.revision };
    }
    throw busy(name);
  }

  /** What a route that takes other requests than before leaves and takes. @throws as `update`. */
  async #move(before: Route, next: Route): Promise<{ compare: Compare[]; then: Op[] }> {
    const [from, to] = [placeKey(before.spec), placeKey(next.spec)];
    if (from === to) return { compare: [], then: [] };
    const { name, project, uid } = next.meta;
    if ((await this.#store.get(to)) !== undefined) await this.#refusePlace(next);
    const value = { uid, project, name };
    return {
      compare: [{ key: to, modRevision: 0 }],
      then: [
        { op: "delete", key: from },
        { op: "put", key: to, value },
      ],
    };
  }

  /** Gives the revision. The host name is free again with its last route. @throws `not_found`. */
  delete(project: string, name: string): Promise<number> {
    return this.#turns.take(project, () => this.#delete(project, name));
  }

  async #delete(project: string, name: string): Promise<number> {
    for (let attempt = 0; attempt < LIMITS.gateway.maxTransactionAttempts; attempt++) {
      const { route, revision } = await this.#expect(project, name);
      const key = resourceKey("route", project, name);
      const release = await this.#release(route.spec.host);
      const port = await releasePort(this.#store, portOf(route));
      const result = await this.#store.transact({
        compare: [{ key, modRevision: revision }, ...release.compare, ...port.compare],
        then: [{ op: "delete", key }, { op: "delete", key: placeKey(route.spec) }, ...release.then, ...port.then],
      });
      if (result.succeeded) return result.revision;
    }
    throw busy(name);
  }

  async #expect(project: string, name: string): Promise<RouteEntry> {
    const found = await this.find(project, name);
    if (found === undefined) throw new SkerryError("not_found", `There is no route ${name}.`);
    return found;
  }

  /**
   * What must hold for the project to have one more route to the host, and what writes it down. The nearest claim decides: of
   * the name itself, else of one above it. A route without a host claims none. @throws `conflict`.
   */
  async #claim(
    host: string,
    project: string,
    mayGive?: NewRoute["mayGive"],
  ): Promise<{ compare: Compare[]; then: Op[] }> {
    if (host === "") return { compare: [], then: [] };
    const own = claimedName(host);
    const compare: Compare[] = [];
    let routes = 1;
    for (const name of [own, ...namesAbove(own)]) {
      const entry = await this.#store.get(claimKey(name));
      compare.push(unchanged(entry, name));
      if (entry === undefined) continue;
      const claim = entry.value as unknown as Claim;
      const isGiven = name !== own && mayGive?.(claim.project) === true;
      if (claim.project !== project && !isGiven) throw hostTaken(host);
      if (name === own) routes = claim.routes + 1;
      break;
    }
    return { compare, then: [{ op: "put", key: claimKey(own), value: { project, routes } }] };
  }

  async #release(host: string): Promise<{ compare: Compare[]; then: Op[] }> {
    if (host === "") return { compare: [], then: [] };
    const name = claimedName(host);
    const entry = await this.#store.get(claimKey(name));
    const { project, routes } = (entry?.value as unknown as Claim | undefined) ?? { project: "", routes: 0 };
    const key = claimKey(name);
    const op: Op = routes > 1 ? { op: "put", key, value: { project, routes: routes - 1 } } : { op: "delete", key };
    return { compare: [unchanged(entry, name)], then: [op] };
  }

  /** Who may have two routes to one place may also know the other: the host is the project's own. */
  async #refusePlace(route: Route): Promise<never> {
    const { host, path, match, listen } = route.spec;
    await this.#claim(host, route.meta.project);
    await claimPort(this.#store, portOf(route), route.meta.project);
    const place = (await this.#store.get(placeKey(route.spec)))?.value as unknown as { name?: string } | undefined;
    const name = place?.name ?? "NAME";
    const what = match === undefined ? `leads from ${listen ?? `${host}${path}`}` : "takes the same requests";
    throw new SkerryError("conflict/exists", `The route ${name} ${what} already.`, {
      hint: `To lead it elsewhere: skerry route update ${name} --to ${route.spec.to ?? "URL"}`,
      details: { field: listen === undefined ? "path" : "listen" },
    });
  }

  async #assertRoom(project: string, asked: WithPattern, more = 1): Promise<void> {
    if (more === 0 && !hasPattern(asked)) return;
    const { maxRoutesPerProject: limit, maxPatternRoutesPerProject: patterns } = LIMITS.gateway;
    const { entries } = await this.#store.list({ prefix: `/route/${project}/`, limit });
    const isPattern = (entry: Entry) => hasPattern(toRoute(entry).route.spec);
    if (hasPattern(asked) && entries.filter(isPattern).length >= patterns) {
      throw new SkerryError(
        "exhausted/quota",
        `The project has ${patterns} routes with a pattern for paths, the most that one may have.`,
        {
          hint: "Remove some first, or say several of them in one pattern: ^/(a|b)/.",
        },
      );
    }
    if (entries.length + more <= limit) return;
    throw new SkerryError("exhausted/quota", `The project has ${limit} routes, the most that one may have.`, {
      hint: "Remove some first: skerry route rm NAME.",
    });
  }
}

export function toRoute(entry: Entry): RouteEntry {
  return { route: entry.value as unknown as Route, revision: entry.modRevision };
}

interface WithPattern {
  readonly match?: RouteMatch | undefined;
  readonly rewrite?: RouteActions["rewrite"] | undefined;
}

/** Those cost something to make ready, in every worker. */
function hasPattern({ match, rewrite }: WithPattern): boolean {
  return match?.path === "regex" || rewrite?.regex !== undefined;
}

function portOf({ spec: { listen } }: Route): string | undefined {
  return listen === undefined ? undefined : portOfListener(parseListener(listen));
}

function claimKey(name: string): string {
  return `/unique/host/${name}`;
}

function unchanged(entry: Entry | undefined, name: string): Compare {
  return { key: claimKey(name), modRevision: entry?.modRevision ?? 0 };
}
