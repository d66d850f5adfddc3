/** Which route a request takes: the host decides first, then the longest path prefix under it. */
import { Refusal } from "../http1/grammar.ts";
import type { TableEntry } from "../table.ts";
import { generousReading, isOdd } from "./path-reading.ts";
import { PathTrie } from "./path-trie.ts";

const AMBIGUOUS = new Refusal(
  "invalid",
  "The path can be read in more than one way: it has dot segments, broken or needless percent-encoding, or doubled slashes.",
);

/** Routes of one host, and their compiled form. Replaced as a whole when one of them changes. */
interface HostRoutes {
  readonly entries: readonly TableEntry[];
  readonly paths: PathTrie<TableEntry>;
}

type Hosts = ReadonlyMap<string, HostRoutes>;

/** Never changes; `with` makes the next one and shares the hosts that stay as they are. */
export class RouteTable {
  /** `*.example.com` stands under its own name. */
  readonly #hosts: Hosts;
  /** Hosts of each route, by its id. */
  readonly #hostById: ReadonlyMap<string, string>;
  readonly #hasWildcards: boolean;

  constructor(hosts: Hosts, hostById: ReadonlyMap<string, string>, hasWildcards: boolean) {
    this.#hosts = hosts;
    this.#hostById = hostById;
    this.#hasWildcards = hasWildcards;
  }

  /** Routes in the table. */
  get size(): number {
    return this.#hostById.size;
  }

  /**
   * The route for a host (lower case, without a port) and a path (begins with a slash, without the query). An exact host
   * wins over a wildcard, a longer wildcard over a shorter one, and the host that has won alone decides about the path.
   * A refusal when the upstream may read the path as one that takes another route.
   */
  find(host: string, path: string): TableEntry | Refusal | undefined {
    const routes = this.#hosts.get(host) ?? (this.#hasWildcards ? this.#wildcard(host) : undefined);
    if (!isOdd(path)) return routes?.paths.find(path);
    const reading = generousReading(path);
    if (reading === undefined) return AMBIGUOUS;
    const found = routes?.paths.find(path);
    return found === routes?.paths.find(reading) ? found : AMBIGUOUS;
  }

  #wildcard(host: string): HostRoutes | undefined {
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
      const routes = this.#hosts.get(`*${host.slice(dot)}`);
      if (routes !== undefined) return routes;
    }
    return undefined;
  }

  /** The table with `put` in place of the routes of the same ids, and without `removedIds`. */
  with(put: readonly TableEntry[], removedIds: readonly string[]): RouteTable {
    const hostById = new Map(this.#hostById);
    const changed = new Map<string, Map<string, TableEntry>>();
    const entriesOf = (host: string): Map<string, TableEntry> => {
      let entries = changed.get(host);
      if (entries === undefined) {
        entries = new Map(this.#hosts.get(host)?.entries.map((entry) => [entry.id, entry]));
        changed.set(host, entries);
      }
      return entries;
    };
    const remove = (id: string): void => {
      const host = hostById.get(id);
      if (host === undefined) return;
      entriesOf(host).delete(id);
      hostById.delete(id);
    };
    for (const id of removedIds) remove(id);
    for (const entry of put) {
      remove(entry.id);
      entriesOf(entry.host).set(entry.id, entry);
      hostById.set(entry.id, entry.host);
    }
    const hosts = new Map(this.#hosts);
    for (const [host, entries] of changed) {
      if (entries.size === 0) hosts.delete(host);
      else hosts.set(host, compileHost([...entries.values()]));
    }
    return new RouteTable(
      hosts,
      hostById,
      hosts.keys().some((host) => host.startsWith("*.")),
    );
  }
}

/** Two routes with the same prefix: the smaller id has it, whatever the order in which they came. */
function compileHost(entries: readonly TableEntry[]): HostRoutes {
  const sorted = entries.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { entries: sorted, paths: new PathTrie(sorted.map((entry) => [entry.path, entry])) };
}

export function compileTable(entries: readonly TableEntry[]): RouteTable {
  return new RouteTable(new Map(), new Map(), false).with(entries, []);
}
