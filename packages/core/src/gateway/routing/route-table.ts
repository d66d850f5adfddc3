/** Which route a request takes: the host decides first, then what is said most exactly of path, method, headers, query, cookies. */
import { Refusal } from "../http1/grammar.ts";
import type { TableEntry } from "../table.ts";
import { type Asked, Facts } from "./asked.ts";
import { LayeredMap } from "./layered-map.ts";
import { type Node, Nodes } from "./nodes.ts";
import { generousReadings, isOdd } from "./path-reading.ts";
import { enter, find, findPlain, leave } from "./paths.ts";
import { wildcardFor } from "./wildcard.ts";

const AMBIGUOUS = new Refusal(
  "invalid",
  "The path can be read in more than one way: it has dot segments, broken or needless percent-encoding, parameters, or doubled slashes.",
);

/** What a table is made of. */
interface Parts {
  /** `*.example.com` stands under its own name. */
  readonly nodes: Nodes;
  readonly byId: LayeredMap<TableEntry>;
  readonly routes: number;
  /** Of them, those of wildcards. */
  readonly wildcards: number;
}

/** Of the request that is looked up now. */
const facts = new Facts();

/** Never changes; `with` makes the next one and shares what stays as it is. */
export class RouteTable {
  readonly #parts: Parts;
  readonly #at: (host: string) => Node | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#at = (host) => parts.nodes.root(host);
  }

  /** Routes in the table. */
  get size(): number {
    return this.#parts.routes;
  }

  /**
   * The route that a request takes. An exact host wins over a wildcard, see `wildcardFor` for those, and the host
   * that has won alone decides about the rest; see `find` in `paths.ts` and `compareEntries`. A refusal when the upstream may
   * read the path as one that takes another route.
   */
  find(asked: Asked): TableEntry | Refusal | undefined {
    const { host, target } = asked;
    const query = target.indexOf("?");
    const path = target === "*" ? "/" : query < 0 ? target : target.slice(0, query);
    const root = this.#parts.nodes.root(host) ?? (this.#parts.wildcards > 0 ? this.#wildcard(host) : undefined);
    if (!isOdd(path)) return root && this.#take(root, path, asked);
    const readings = generousReadings(path);
    if (readings === undefined) return AMBIGUOUS;
    const found = root && this.#take(root, path, asked);
    return readings.every((reading) => (root && this.#take(root, reading, asked)) === found) ? found : AMBIGUOUS;
  }

  /** The host of the routes that serve this name: the name itself, or a wildcard; undefined when there is none. */
  servedAs(name: string): string | undefined {
    return (this.#parts.nodes.root(name) ?? this.#wildcard(name))?.host;
  }

  #wildcard(name: string): Node | undefined {
    return wildcardFor(name, this.#at);
  }

  /** The table with `put` in place of the routes of the same ids, and without `removedIds`. */
  with(put: readonly TableEntry[], removedIds: readonly string[]): RouteTable {
    const { nodes, byId } = this.#parts;
    const owner = {};
    const draft = nodes.draft();
    const moved = new Map<string, TableEntry | undefined>();
    let { routes, wildcards } = this.#parts;
    const count = (entry: TableEntry, by: number): void => {
      routes += by;
      if (entry.host.startsWith("*.")) wildcards += by;
    };
    const remove = (id: string): void => {
      const entry = moved.has(id) ? moved.get(id) : byId.get(id);
      if (entry === undefined) return;
      leave(draft, entry, owner);
      count(entry, -1);
      moved.set(id, undefined);
    };
    for (const id of removedIds) remove(id);
    for (const entry of put) {
      remove(entry.id);
      enter(draft, entry, owner);
      count(entry, 1);
      moved.set(entry.id, entry);
    }
    return new RouteTable({ nodes: draft.settled(), byId: byId.with(moved), routes, wildcards });
  }

  #take(root: Node, path: string, asked: Asked): TableEntry | undefined {
    const { nodes } = this.#parts;
    // Most hosts have prefixes only: nothing of the head is looked at for them.
    return root.special === 0 ? findPlain(nodes, root, path) : find(nodes, root, path, facts.begin(asked));
  }
}

const EMPTY = new RouteTable({ nodes: Nodes.empty(), byId: LayeredMap.empty(), routes: 0, wildcards: 0 });

export function compileTable(entries: readonly TableEntry[]): RouteTable {
  return EMPTY.with(entries, []);
}
