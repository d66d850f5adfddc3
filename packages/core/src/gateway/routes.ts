/**
 * Routes in the store. A host name belongs, with all names below it, to the project whose route claimed it first, until its
 * last route to the name goes: claims lie beside the routes and change in the same transactions.
 */
import { SkerryError } from "../domain/errors.ts";
import { claimedName, namesAbove, type Route, routeNameOf } from "../domain/gateway.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, CLOUD, newMeta, type Resource, resourceKey, touchMeta } from "../domain/resource.ts";
import type { Compare, Entry, Json, Op, Store } from "../domain/store.ts";
import { Turns } from "../domain/turns.ts";

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
  readonly to: string;
  readonly anyUpstream: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RouteChange {
  /** Canonical; with whether who asks may reach any address. */
  readonly target?: { readonly to: string; readonly anyUpstream: boolean };
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when the route has changed since. */
  readonly revision?: number;
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
   * @throws `conflict/exists` (name, or host with path, taken in the project), `conflict` (the host, or one that it is
   * below, is another project's: its name is not told), `exhausted/quota`, `not_found` (the project is being deleted).
   */
  create(input: NewRoute): Promise<RouteEntry> {
    return this.#turns.take(input.project, () => this.#create(input));
  }

  async #create(input: NewRoute): Promise<RouteEntry> {
    const { host, path, to, anyUpstream, project } = input;
    const name = input.name ?? routeNameOf(host, path);
    assertName(name, "route");
    await this.#assertRoom(project);
    const { labels } = input;
    const meta = newMeta({ name, project, ...(labels === undefined ? {} : { labels }) }, this.#world);
    const route: Route = { kind: "route", meta, spec: { host, path, to, anyUpstream } };
    const key = resourceKey("route", project, name);
    for (let attempt = 0; attempt < LIMITS.gateway.maxTransactionAttempts; attempt++) {
      const owner = await this.#store.get(resourceKey("project", CLOUD, input.projectName));
      if (owner === undefined || !takesResources(owner, project)) {
        throw new SkerryError("not_found", `There is no project ${input.projectName}, or it is being deleted.`);
      }
      // The place first: another name would not help.
      if ((await this.#store.get(placeKey(host, path))) !== undefined) await this.#refusePlace(route);
      if ((await this.#store.get(key)) !== undefined) throw nameTaken(name);
      const claim = await this.#claim(host, project);
      const { succeeded, revision } = await this.#store.transact({
        compare: [
          { key: owner.key, modRevision: owner.modRevision },
          { key, modRevision: 0 },
          { key: placeKey(host, path), modRevision: 0 },
          ...claim.compare,
        ],
        then: [
          put(key, route, meta.labels),
          { op: "put", key: placeKey(host, path), value: { uid: meta.uid, project, name } },
          claim.add,
        ],
      });
      if (succeeded) return { route, revision };
    }
    throw busy(name);
  }

  /** @throws `not_found`, `conflict/precondition`. */
  update(project: string, name: string, change: RouteChange): Promise<RouteEntry> {
    return this.#turns.take(project, () => this.#update(project, name, change));
  }

  async #update(project: string, name: string, change: RouteChange): Promise<RouteEntry> {
    for (let attempt = 0; attempt < LIMITS.gateway.maxTransactionAttempts; attempt++) {
      const { route, revision } = await this.#expect(project, name);
      if (change.revision !== undefined && change.revision !== revision) {
        throw new SkerryError("conflict/precondition", `The route ${name} has changed since you read it.`, {
          hint: "Read it again, and decide anew.",
        });
      }
      const next: Route = {
        ...route,
        meta: touchMeta(route.meta, this.#world.clock, change.labels),
        spec: { ...route.spec, ...change.target },
      };
      const key = resourceKey("route", project, name);
      const result = await this.#store.transact({
        compare: [{ key, modRevision: revision }],
        then: [put(key, next, next.meta.labels)],
      });
      if (result.succeeded) return { route: next, revision: result.revision };
    }
    throw busy(name);
  }

  /** Gives the revision. The host name is free again with its last route. @throws `not_found`. */
  delete(project: string, name: string): Promise<number> {
    return this.#turns.take(project, () => this.#delete(project, name));
  }

  async #delete(project: string, name: string): Promise<number> {
    for (let attempt = 0; attempt < LIMITS.gateway.maxTransactionAttempts; attempt++) {
      const { route, revision } = await this.#expect(project, name);
      const key = resourceKey("route", project, name);
      const { host, path } = route.spec;
      const release = await this.#release(host);
      const result = await this.#store.transact({
        compare: [{ key, modRevision: revision }, release.compare],
        then: [{ op: "delete", key }, { op: "delete", key: placeKey(host, path) }, release.op],
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
   * the name itself, else of one above it. @throws `conflict`.
   */
  async #claim(host: string, project: string): Promise<{ compare: Compare[]; add: Op }> {
    const own = claimedName(host);
    const compare: Compare[] = [];
    let routes = 1;
    for (const name of [own, ...namesAbove(own)]) {
      const entry = await this.#store.get(claimKey(name));
      compare.push(unchanged(entry, name));
      if (entry === undefined) continue;
      const claim = entry.value as unknown as Claim;
      if (claim.project !== project) throw hostTaken(host);
      if (name === own) routes = claim.routes + 1;
      break;
    }
    return { compare, add: { op: "put", key: claimKey(own), value: { project, routes } } };
  }

  async #release(host: string): Promise<{ compare: Compare; op: Op }> {
    const name = claimedName(host);
    const entry = await this.#store.get(claimKey(name));
    const { project, routes } = (entry?.value as unknown as Claim | undefined) ?? { project: "", routes: 0 };
    const key = claimKey(name);
    const op: Op = routes > 1 ? { op: "put", key, value: { project, routes: routes - 1 } } : { op: "delete", key };
    return { compare: unchanged(entry, name), op };
  }

  /** Who may have two routes to one place may also know the other: the host is the project's own. */
  async #refusePlace(route: Route): Promise<never> {
    const { host, path } = route.spec;
    await this.#claim(host, route.meta.project);
    const place = (await this.#store.get(placeKey(host, path)))?.value as unknown as { name?: string } | undefined;
    const name = place?.name ?? "NAME";
    throw new SkerryError("conflict/exists", `The route ${name} leads from ${host}${path} already.`, {
      hint: `To lead it elsewhere: skerry route update ${name} --to ${route.spec.to}`,
      details: { field: "path" },
    });
  }

  async #assertRoom(project: string): Promise<void> {
    const limit = LIMITS.gateway.maxRoutesPerProject;
    const { entries } = await this.#store.list({ prefix: `/route/${project}/`, limit });
    if (entries.length < limit) return;
    throw new SkerryError("exhausted/quota", `The project has ${limit} routes, the most that one may have.`, {
      hint: "Remove some first: skerry route rm NAME.",
    });
  }
}

export function toRoute(entry: Entry): RouteEntry {
  return { route: entry.value as unknown as Route, revision: entry.modRevision };
}

function put(key: string, route: Route, labels: Readonly<Record<string, string>>): Op {
  return { op: "put", key, value: route as unknown as Json, labels };
}

/** One route for each host and path. */
function placeKey(host: string, path: string): string {
  return `/unique/route/${host}${path}`;
}

function claimKey(name: string): string {
  return `/unique/host/${name}`;
}

function unchanged(entry: Entry | undefined, name: string): Compare {
  return { key: claimKey(name), modRevision: entry?.modRevision ?? 0 };
}

function takesResources(entry: Entry, uid: string): boolean {
  const { meta } = entry.value as unknown as Resource<unknown>;
  return meta.uid === uid && meta.deletingSince === undefined;
}

function nameTaken(name: string): SkerryError {
  return new SkerryError("conflict/exists", `There is a route ${name} already.`, {
    hint: "Choose another name: --name NAME.",
    details: { field: "name" },
  });
}

function hostTaken(host: string): SkerryError {
  return new SkerryError("conflict", `The host ${host} is taken: it, or a name above it, belongs to another project.`, {
    hint: "Choose another host name, or ask who runs this cloud.",
    details: { field: "host" },
  });
}

function busy(name: string): SkerryError {
  return new SkerryError("conflict", `Others change what the route ${name} depends on at the same time.`, {
    hint: "Try again.",
    retryAfterMs: 1000,
  });
}
