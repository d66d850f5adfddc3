/** Which route a request takes: the host decides first, then the longest path prefix under it. */
import { Refusal } from "../http1/grammar.ts";
import type { TableEntry } from "../table.ts";
import { LayeredMap } from "./layered-map.ts";
import { generousReadings, isOdd } from "./path-reading.ts";
import { PathTrie } from "./path-trie.ts";

const AMBIGUOUS = new Refusal(
  "invalid",
  "The path can be read in more than one way: it has dot segments, broken or needless percent-encoding, parameters, or doubled slashes.",
);

/** Routes of one host, and their compiled form. Replaced as a whole when one of them changes. */
interface HostRoutes {
  readonly entries: readonly TableEntry[];
  readonly paths: PathTrie<TableEntry>;
}

/** What a table is made of. */
interface Parts {
  /** `*.example.com` stands under its own name. */
  readonly hosts: LayeredMap<HostRoutes>;
  /** The host of each route, by its id. */
  readonly hostById: LayeredMap<string>;
  readonly routes: number;
  readonly wildcards: number;
}

/** Never changes; `with` makes the next one and shares what stays as it is. */
export class RouteTable {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Routes in the table. */
  get size(): number {
    return this.#parts.routes;
  }

  /**
   * The route for a host (lower case, without a port) and a path (begins with a slash, without the query). An exact host
   * wins over a wildcard, a longer wildcard over a shorter one, and the host that has won alone decides about the path.
   * A refusal when the upstream may read the path as one that takes another route.
   */
  find(host: string, path: string): TableEntry | Refusal | undefined {
    const routes = this.#parts.hosts.get(host) ?? (this.#parts.wildcards > 0 ? this.#wildcard(host) : undefined);
    if (!isOdd(path)) return routes?.paths.find(path);
    const readings = generousReadings(path);
    if (readings === undefined) return AMBIGUOUS;
    const found = routes?.paths.find(path);
    return readings.every((reading) => routes?.paths.find(reading) === found) ? found : AMBIGUOUS;
  }

  /** The host of the routes that serve this name: the name itself, or a wildcard; undefined when there is none. */
  servedAs(name: string): string | undefined {
    return (this.#parts.hosts.get(name) ?? this.#wildcard(name))?.entries[0]?.host;
  }

  #wildcard(host: string): HostRoutes | undefined {
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
      const routes = this.#parts.hosts.get(`*${host.slice(dot)}`);
      if (routes !== undefined) return routes;
    }
    return undefined;
  }

  /** The table with `put` in place of the routes of the same ids, and without `removedIds`. */
  with(put: readonly TableEntry[], removedIds: readonly string[]): RouteTable {
    const { hosts, hostById } = this.#parts;
    let { routes, wildcards } = this.#parts;
    const moved = new Map<string, string | undefined>();
    const changed = new Map<string, Map<string, TableEntry>>();
    const entriesOf = (host: string): Map<string, TableEntry> => {
      let entries = changed.get(host);
      if (entries === undefined) {
        entries = new Map(hosts.get(host)?.entries.map((entry) => [entry.id, entry]));
        changed.set(host, entries);
      }
      return entries;
    };
    const remove = (id: string): void => {
      const host = moved.has(id) ? moved.get(id) : hostById.get(id);
      if (host === undefined) return;
      entriesOf(host).delete(id);
      moved.set(id, undefined);
      routes--;
    };
    for (const id of removedIds) remove(id);
    for (const entry of put) {
      remove(entry.id);
      entriesOf(entry.host).set(entry.id, entry);
      moved.set(entry.id, entry.host);
      routes++;
    }
    const compiled = new Map<string, HostRoutes | undefined>();
    for (const [host, entries] of changed) {
      const next = entries.size === 0 ? undefined : compileHost([...entries.values()]);
      compiled.set(host, next);
      if (host.startsWith("*.")) wildcards += (next === undefined ? 0 : 1) - (hosts.get(host) === undefined ? 0 : 1);
    }
    return new RouteTable({ hosts: hosts.with(compiled), hostById: hostById.with(moved), routes, wildcards });
  }
}

/** Two routes with the same prefix: the smaller id has it, whatever the order in which they came. */
function compileHost(entries: readonly TableEntry[]): HostRoutes {
  const sorted = entries.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { entries: sorted, paths: new PathTrie(sorted.map((entry) => [entry.path, entry])) };
}

const EMPTY = new RouteTable({ hosts: LayeredMap.empty(), hostById: LayeredMap.empty(), routes: 0, wildcards: 0 });

export function compileTable(entries: readonly TableEntry[]): RouteTable {
  return EMPTY.with(entries, []);
}
