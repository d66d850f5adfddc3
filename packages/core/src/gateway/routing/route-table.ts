/** Which route a request takes: the host decides first, then what is said most exactly of path, method, headers, query, cookies. */
import { Refusal } from "../http1/grammar.ts";
import type { TableEntry } from "../table.ts";
import { type Asked, Facts } from "./asked.ts";
import { isConditional } from "./candidate.ts";
import { LayeredMap } from "./layered-map.ts";
import { generousReadings, isOdd } from "./path-reading.ts";
import { PathTrie } from "./path-trie.ts";
import { wildcardFor } from "./wildcard.ts";

const AMBIGUOUS = new Refusal(
  "invalid",
  "The path can be read in more than one way: it has dot segments, broken or needless percent-encoding, parameters, or doubled slashes.",
);

/** Routes of one host. */
interface HostRoutes {
  /** `*.example.com` for all names below. */
  readonly host: string;
  readonly project: string | undefined;
  readonly paths: PathTrie;
  readonly size: number;
  /** Those that are more than a prefix. */
  readonly special: number;
}

/** What a table is made of. */
interface Parts {
  /** `*.example.com` stands under its own name. */
  readonly hosts: LayeredMap<HostRoutes>;
  readonly byId: LayeredMap<TableEntry>;
  readonly routes: number;
  readonly wildcards: number;
}

/** Of the request that is looked up now. */
const facts = new Facts();

/** Never changes; `with` makes the next one and shares what stays as it is. */
export class RouteTable {
  readonly #parts: Parts;
  readonly #at: (host: string) => HostRoutes | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#at = (host) => parts.hosts.get(host);
  }

  /** Routes in the table. */
  get size(): number {
    return this.#parts.routes;
  }

  /**
   * The route that a request takes. An exact host wins over a wildcard, see `wildcardFor` for those, and the host
   * that has won alone decides about the rest; see `PathTrie.find` and `compareEntries`. A refusal when the upstream may
   * read the path as one that takes another route.
   */
  find(asked: Asked): TableEntry | Refusal | undefined {
    const { host, target } = asked;
    const query = target.indexOf("?");
    const path = target === "*" ? "/" : query < 0 ? target : target.slice(0, query);
    const routes = this.#parts.hosts.get(host) ?? (this.#parts.wildcards > 0 ? this.#wildcard(host) : undefined);
    if (!isOdd(path)) return routes && take(routes, path, asked);
    const readings = generousReadings(path);
    if (readings === undefined) return AMBIGUOUS;
    const found = routes && take(routes, path, asked);
    return readings.every((reading) => (routes && take(routes, reading, asked)) === found) ? found : AMBIGUOUS;
  }

  /** The host of the routes that serve this name: the name itself, or a wildcard; undefined when there is none. */
  servedAs(name: string): string | undefined {
    return (this.#parts.hosts.get(name) ?? this.#wildcard(name))?.host;
  }

  #wildcard(name: string): HostRoutes | undefined {
    return wildcardFor(name, this.#at);
  }

  /** The table with `put` in place of the routes of the same ids, and without `removedIds`. */
  with(put: readonly TableEntry[], removedIds: readonly string[]): RouteTable {
    const { hosts, byId } = this.#parts;
    const owner = {};
    const moved = new Map<string, TableEntry | undefined>();
    const changed = new Map<string, HostRoutes | undefined>();
    const routesOf = (host: string): HostRoutes | undefined =>
      changed.has(host) ? changed.get(host) : hosts.get(host);
    const remove = (id: string): void => {
      const entry = moved.has(id) ? moved.get(id) : byId.get(id);
      if (entry === undefined) return;
      changed.set(entry.host, without(routesOf(entry.host), entry, owner));
      moved.set(id, undefined);
    };
    for (const id of removedIds) remove(id);
    for (const entry of put) {
      remove(entry.id);
      changed.set(entry.host, withEntry(routesOf(entry.host), entry, owner));
      moved.set(entry.id, entry);
    }
    let { routes, wildcards } = this.#parts;
    for (const [host, next] of changed) {
      const before = hosts.get(host);
      routes += (next?.size ?? 0) - (before?.size ?? 0);
      if (host.startsWith("*.")) wildcards += Number(next !== undefined) - Number(before !== undefined);
    }
    return new RouteTable({ hosts: hosts.with(changed), byId: byId.with(moved), routes, wildcards });
  }
}

/** Most hosts have prefixes only: nothing of the head is looked at for them. */
function take({ special, paths }: HostRoutes, path: string, asked: Asked): TableEntry | undefined {
  return special === 0 ? paths.findPlain(path) : paths.find(path, facts.begin(asked));
}

function isSpecial(entry: TableEntry): boolean {
  return entry.match?.path !== undefined || isConditional(entry);
}

function withEntry(routes: HostRoutes | undefined, entry: TableEntry, owner: object): HostRoutes {
  const { paths = PathTrie.empty(), size = 0, special = 0 } = routes ?? {};
  return {
    host: entry.host,
    project: entry.project,
    paths: paths.put(entry, owner),
    size: size + 1,
    special: special + Number(isSpecial(entry)),
  };
}

function without(routes: HostRoutes | undefined, entry: TableEntry, owner: object): HostRoutes | undefined {
  if (routes === undefined || routes.size === 1) return undefined;
  const { paths, size, special } = routes;
  return {
    ...routes,
    paths: paths.remove(entry, owner),
    size: size - 1,
    special: special - Number(isSpecial(entry)),
  };
}

const EMPTY = new RouteTable({ hosts: LayeredMap.empty(), byId: LayeredMap.empty(), routes: 0, wildcards: 0 });

export function compileTable(entries: readonly TableEntry[]): RouteTable {
  return EMPTY.with(entries, []);
}
