/** The states of all upstreams to which routes of the table lead. */
import type { TableEntry, Upstream } from "../table.ts";
import { type BackendCounters, type UpstreamCounters, UpstreamState } from "./state.ts";

/** Routes that have changed. */
export interface RoutesChange {
  readonly put: readonly TableEntry[];
  /** Ids. */
  readonly remove: readonly string[];
}

export class UpstreamRegistry {
  readonly #states = new Map<string, UpstreamState>();
  /** Id of an upstream -> what each of its routes, or variant of one, makes of it: `uid`, `uid/variant`. */
  readonly #views = new Map<string, Map<string, Upstream>>();
  /** Id of a route -> its upstreams, and the key of what it makes of each. */
  readonly #byRoute = new Map<string, (readonly [upstream: string, key: string])[]>();

  /** Of upstreams that have a name; undefined for the rest. */
  find(id: string): UpstreamState | undefined {
    return this.#states.get(id);
  }

  get states(): Iterable<UpstreamState> {
    return this.#states.values();
  }

  /** What has changed since it was told last, of so many upstreams at most: the rest comes next time. */
  news(nowMs: number, most: number): UpstreamCounters {
    const all: Record<string, Record<string, BackendCounters>> = {};
    let count = 0;
    for (const [id, state] of this.#states) {
      if (count === most) break;
      const news = state.news(nowMs);
      if (news === undefined) continue;
      all[id] = news;
      count++;
      // Who has been heard comes last.
      this.#states.delete(id);
      this.#states.set(id, state);
    }
    return all;
  }

  /** What leads nowhere any more is forgotten. Gives the ids of upstreams that have changed. `nowMs`: monotonic. */
  apply({ put, remove }: RoutesChange, nowMs: number): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const id of remove) this.#leave(id, changed);
    for (const { id, upstream, split } of put) {
      this.#leave(id, changed);
      this.#enter(id, id, upstream, changed);
      for (const { name, upstream: own } of split?.variants ?? []) this.#enter(id, `${id}/${name}`, own, changed);
    }
    for (const id of changed) this.#settle(id, nowMs);
    return changed;
  }

  #enter(route: string, key: string, upstream: Upstream, changed: Set<string>): void {
    const { id } = upstream;
    // What a route leads to itself is known by its own id, and is alone.
    if (id === undefined || id === route) return;
    this.#byRoute.set(route, [...(this.#byRoute.get(route) ?? []), [id, key]]);
    const views = this.#views.get(id) ?? new Map<string, Upstream>();
    this.#views.set(id, views.set(key, upstream));
    changed.add(id);
  }

  #leave(route: string, changed: Set<string>): void {
    for (const [id, key] of this.#byRoute.get(route) ?? []) {
      this.#views.get(id)?.delete(key);
      changed.add(id);
    }
    this.#byRoute.delete(route);
  }

  /** What each of its routes makes of an upstream. */
  viewsOf(id: string): Iterable<Upstream> {
    return this.#views.get(id)?.values() ?? [];
  }

  #settle(id: string, nowMs: number): void {
    const views = this.#views.get(id);
    if (views === undefined || views.size === 0) {
      this.#views.delete(id);
      this.#states.delete(id);
      return;
    }
    const state = this.#states.get(id) ?? new UpstreamState(id, nowMs);
    this.#states.set(id, state);
    const names = [...views.values()].flatMap(({ backends }) => backends.flatMap(({ name }) => name ?? []));
    state.keep(new Set(names));
  }
}
