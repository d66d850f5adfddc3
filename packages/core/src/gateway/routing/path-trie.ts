/**
 * The paths of one host in a radix trie: a lookup reads each character of the path at most once. A change copies the nodes
 * on its way only, so that one route of many thousands is changed in microseconds.
 */
import type { TableEntry } from "../table.ts";
import type { Facts } from "./asked.ts";
import { LazyRegex } from "./patterns.ts";
import { Place } from "./place.ts";
import { literalPrefix } from "./regex/literal.ts";

interface PatternPlace {
  readonly regex: LazyRegex;
  readonly place: Place;
}

interface TrieNode {
  readonly owner: object;
  label: string;
  children: Map<number, TrieNode> | undefined;
  /** Routes of everything below, and of this path alone. */
  prefix: Place | undefined;
  exact: Place | undefined;
  /** Patterns of which every match begins so; the longest pattern first. */
  patterns: readonly PatternPlace[] | undefined;
}

const SLASH = 0x2f;

/** What one lookup has come by; reused for all. */
const prefixes: Place[] = [];
const patterns: (readonly PatternPlace[])[] = [];

/** Never changed, but by the change that makes it. */
export class PathTrie {
  readonly #root: TrieNode;

  private constructor(root: TrieNode) {
    this.#root = root;
  }

  static empty(): PathTrie {
    return new PathTrie(newNode({}, ""));
  }

  /** The routes of the longest prefix of `path` that takes every request there. For a trie of such routes only. */
  findPlain(path: string): TableEntry | undefined {
    let node = this.#root;
    let best = node.prefix;
    let at = 0;
    for (;;) {
      const child = node.children?.get(path.charCodeAt(at));
      if (child === undefined || !path.startsWith(child.label, at)) return best?.plain;
      at += child.label.length;
      node = child;
      if (node.prefix !== undefined && (at === path.length || path.charCodeAt(at) === SLASH)) best = node.prefix;
    }
  }

  /** The exact path, then patterns (those that begin with more plain characters first, then the longer ones), then the longest prefix. */
  find(path: string, facts: Facts): TableEntry | undefined {
    prefixes.length = 0;
    patterns.length = 0;
    const exact = this.#collect(path)?.find(facts);
    if (exact !== undefined) return exact;
    for (let at = patterns.length - 1; at >= 0; at--) {
      for (const { regex, place } of patterns[at] as readonly PatternPlace[]) {
        const found = regex.test(path) ? place.find(facts) : undefined;
        if (found !== undefined) return found;
      }
    }
    for (let at = prefixes.length - 1; at >= 0; at--) {
      const found = (prefixes[at] as Place).find(facts);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Fills the lists from the shortest to the longest; gives the routes of exactly this path. */
  #collect(path: string): Place | undefined {
    let node = this.#root;
    let at = 0;
    for (;;) {
      if (node.patterns !== undefined) patterns.push(node.patterns);
      const isEnd = at === path.length;
      if (node.prefix !== undefined && (isEnd || at === 0 || path.charCodeAt(at) === SLASH)) prefixes.push(node.prefix);
      if (isEnd) return node.exact;
      const child = node.children?.get(path.charCodeAt(at));
      if (child === undefined || !path.startsWith(child.label, at)) return undefined;
      at += child.label.length;
      node = child;
    }
  }

  /** The trie with the entry; `owner` stands for one change, which may share what it makes. */
  put(entry: TableEntry, owner: object): PathTrie {
    const root = own(this.#root, owner);
    let node = root;
    let rest = keyOf(entry);
    while (rest !== "") {
      const children = ownChildren(node);
      const known = children.get(rest.charCodeAt(0));
      if (known === undefined) {
        const leaf = newNode(owner, rest);
        children.set(rest.charCodeAt(0), leaf);
        node = leaf;
        break;
      }
      const shared = sharedLength(known.label, rest);
      const child = shared < known.label.length ? split(known, shared, owner) : own(known, owner);
      children.set(rest.charCodeAt(0), child);
      node = child;
      rest = rest.slice(shared);
    }
    change(node, entry, owner, (place) => place.put(entry));
    return new PathTrie(root);
  }

  /** The trie without the entry, which must be in it. */
  remove(entry: TableEntry, owner: object): PathTrie {
    const root = own(this.#root, owner);
    removeBelow(root, keyOf(entry), entry, owner);
    return new PathTrie(root);
  }
}

function removeBelow(node: TrieNode, rest: string, entry: TableEntry, owner: object): void {
  const known = node.children?.get(rest.charCodeAt(0));
  if (rest === "") change(node, entry, owner, (place) => place.remove(entry));
  if (known === undefined || rest === "" || !rest.startsWith(known.label)) return;
  const child = own(known, owner);
  const children = ownChildren(node);
  children.set(rest.charCodeAt(0), child);
  removeBelow(child, rest.slice(child.label.length), entry, owner);
  if (isBare(child)) children.delete(rest.charCodeAt(0));
  if (children.size === 0) node.children = undefined;
}

function isBare({ children, prefix, exact, patterns: own }: TrieNode): boolean {
  return children === undefined && prefix === undefined && exact === undefined && own === undefined;
}

/** Where an entry stands. A slash at the end of a prefix means nothing. */
function keyOf({ path, match }: TableEntry): string {
  if (match?.path === "exact") return path;
  return match?.path === "regex" ? literalPrefix(path) : path.replace(/\/+$/, "");
}

function change(node: TrieNode, entry: TableEntry, owner: object, act: (place: Place) => void): void {
  const edit = (before: Place | undefined): Place | undefined => {
    const place = before?.owner === owner ? before : new Place(owner, before);
    act(place);
    return place.isEmpty ? undefined : place;
  };
  if (entry.match?.path === "exact") node.exact = edit(node.exact);
  else if (entry.match?.path !== "regex") node.prefix = edit(node.prefix);
  else {
    const before = node.patterns?.find(({ regex }) => regex.source === entry.path);
    const others = node.patterns?.filter((one) => one !== before) ?? [];
    const place = edit(before?.place);
    const regex = before?.regex ?? new LazyRegex(entry.path);
    const all = place === undefined ? others : [...others, { regex, place }].sort(comparePatterns);
    node.patterns = all.length === 0 ? undefined : all;
  }
}

function comparePatterns({ regex: a }: PatternPlace, { regex: b }: PatternPlace): number {
  return b.source.length - a.source.length || (a.source < b.source ? -1 : 1);
}

function newNode(owner: object, label: string): TrieNode {
  return { owner, label, children: undefined, prefix: undefined, exact: undefined, patterns: undefined };
}

/** The node itself when this change has made it, else a copy. */
function own(node: TrieNode, owner: object): TrieNode {
  if (node.owner === owner) return node;
  return { ...node, owner, children: node.children && new Map(node.children) };
}

function ownChildren(node: TrieNode): Map<number, TrieNode> {
  node.children ??= new Map();
  return node.children;
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** A node for the first `at` characters of the label; what is behind becomes its only child. */
function split(node: TrieNode, at: number, owner: object): TrieNode {
  const tail = { ...own(node, owner), label: node.label.slice(at) };
  const head = newNode(owner, node.label.slice(0, at));
  head.children = new Map([[tail.label.charCodeAt(0), tail]]);
  return head;
}
