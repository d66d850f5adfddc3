/** The paths of one host: what a path finds there, and how routes come in and go. */
import type { TableEntry } from "../table.ts";
import type { Facts } from "./asked.ts";
import { isConditional } from "./candidate.ts";
import { hashed, hashHost, isEnd, type Node, type Nodes, type PatternPlace } from "./nodes.ts";
import { LazyRegex } from "./patterns.ts";
import { Place } from "./place.ts";
import { literalPrefix } from "./regex/literal.ts";

const SLASH = 0x2f;

/** The nodes that one lookup has come by, from the shortest to the longest; reused for all. */
const way: Node[] = [];

/** The routes of the longest prefix of `path` that takes every request there. For a host of such routes only. */
export function findPlain(nodes: Nodes, root: Node, path: string): TableEntry | undefined {
  let best = root.plain;
  let node: Node | undefined = root;
  let { state } = root;
  for (let at = 0; at < path.length && node.children > 0; ) {
    do state = hashed(state, path.charCodeAt(at));
    while (++at < path.length && path.charCodeAt(at) !== SLASH);
    node = nodes.find(state, root.host, path, at);
    if (node === undefined) break;
    if (node.plain !== undefined) best = node.plain;
  }
  return best;
}

/** The exact path, then patterns (those that begin with more plain characters first, then the longer ones), then the longest prefix. */
export function find(nodes: Nodes, root: Node, path: string, facts: Facts): TableEntry | undefined {
  if (root.exacts > 0) {
    const exact = nodes.find(stateBehind(root, path), root.host, path, path.length)?.exact?.find(facts);
    if (exact !== undefined) return exact;
  }
  walk(nodes, root, path);
  for (let at = way.length - 1; at >= 0; at--) {
    for (const { regex, place } of (way[at] as Node).patterns ?? []) {
      const found = regex.test(path) ? place.find(facts) : undefined;
      if (found !== undefined) return found;
    }
  }
  for (let at = way.length - 1; at >= 0; at--) {
    const found = (way[at] as Node).prefix?.find(facts);
    if (found !== undefined) return found;
  }
  return undefined;
}

function stateBehind(root: Node, path: string): number {
  let { state } = root;
  for (let at = 0; at < path.length; at++) state = hashed(state, path.charCodeAt(at));
  return state;
}

/** Fills `way`. */
function walk(nodes: Nodes, root: Node, path: string): void {
  way.length = 0;
  way.push(root);
  let node: Node | undefined = root;
  let { state } = root;
  for (let at = 0; at < path.length && node.children > 0; ) {
    do state = hashed(state, path.charCodeAt(at));
    while (++at < path.length && path.charCodeAt(at) !== SLASH);
    node = nodes.find(state, root.host, path, at);
    if (node === undefined) return;
    way.push(node);
  }
}

/** More than a prefix. */
function isSpecial(entry: TableEntry): boolean {
  return entry.match?.path !== undefined || isConditional(entry);
}

/** Adds the route to a draft. `owner` stands for the one change that makes it. */
export function enter(draft: Nodes, entry: TableEntry, owner: object): void {
  const { root, line } = lineOf(draft, entry, owner);
  for (let at = 1; at < line.length; at++) if (isEnd(line[at] as Node)) (line[at - 1] as Node).children++;
  place(line.at(-1) as Node, entry, owner, (routes) => routes.put(entry));
  count(root, entry, 1);
}

/** Takes the route out of a draft, where it must be. */
export function leave(draft: Nodes, entry: TableEntry, owner: object): void {
  const { root, line } = lineOf(draft, entry, owner);
  place(line.at(-1) as Node, entry, owner, (routes) => routes.remove(entry));
  for (let at = line.length - 1; at > 0 && isEnd(line[at] as Node); at--) (line[at - 1] as Node).children--;
  count(root, entry, -1);
}

function count(root: Node, entry: TableEntry, by: number): void {
  root.project = entry.project;
  root.routes += by;
  if (isSpecial(entry)) root.special += by;
  if (entry.match?.path === "exact") root.exacts += by;
}

/** The host's node, and those from it to the entry's, where they lead there; all of them the draft's own. */
function lineOf(
  draft: Nodes,
  entry: TableEntry,
  owner: object,
): { readonly root: Node; readonly line: readonly Node[] } {
  const { host, match } = entry;
  const key = keyOf(entry);
  const root = ownNode(draft, host, "", hashHost(host), owner);
  if (match?.path === "exact") {
    return { root, line: [ownNode(draft, root.host, key, stateBehind(root, key), owner)] };
  }
  const line = [root];
  let { state } = root;
  for (let at = 0; at < key.length; ) {
    do state = hashed(state, key.charCodeAt(at));
    while (++at < key.length && key.charCodeAt(at) !== SLASH);
    line.push(ownNode(draft, root.host, at === key.length ? key : key.slice(0, at), state, owner));
  }
  return { root, line };
}

function ownNode(draft: Nodes, host: string, path: string, state: number, owner: object): Node {
  const known = draft.find(state, host, path, path.length);
  if (known?.owner === owner) return known;
  const node: Node = {
    ...{ host, path, children: 0, plain: undefined, state, prefix: undefined, exact: undefined, patterns: undefined },
    ...{ project: undefined, routes: 0, special: 0, exacts: 0 },
    ...known,
    owner,
  };
  draft.put(node);
  return node;
}

/** Where an entry stands. A slash at the end of a prefix means nothing; a pattern stands at the last slash of its beginning. */
function keyOf({ path, match }: TableEntry): string {
  if (match?.path === "exact") return path;
  if (match?.path !== "regex") return path.replace(/\/+$/, "");
  const beginning = literalPrefix(path);
  return beginning.slice(0, Math.max(0, beginning.lastIndexOf("/")));
}

function place(node: Node, entry: TableEntry, owner: object, act: (routes: Place) => void): void {
  const edit = (before: Place | undefined): Place | undefined => {
    const routes = before?.owner === owner ? before : new Place(owner, before);
    act(routes);
    return routes.isEmpty ? undefined : routes;
  };
  if (entry.match?.path === "exact") node.exact = edit(node.exact);
  else if (entry.match?.path === "regex") node.patterns = withPattern(node.patterns, entry.path, edit);
  else {
    node.prefix = edit(node.prefix);
    node.plain = node.prefix?.plain;
  }
}

function withPattern(
  all: readonly PatternPlace[] = [],
  source: string,
  edit: (before: Place | undefined) => Place | undefined,
): readonly PatternPlace[] | undefined {
  const before = all.find(({ regex }) => regex.source === source);
  const others = all.filter((one) => one !== before);
  const routes = edit(before?.place);
  if (routes === undefined) return others.length === 0 ? undefined : others;
  const beginning = before?.beginning ?? literalPrefix(source);
  const regex = before?.regex ?? new LazyRegex(source, beginning);
  return [...others, { regex, beginning, place: routes }].sort(comparePatterns);
}

function comparePatterns(a: PatternPlace, b: PatternPlace): number {
  const beginning = b.beginning.length - a.beginning.length;
  const source = b.regex.source.length - a.regex.source.length;
  return beginning || source || (a.regex.source < b.regex.source ? -1 : 1);
}
