/**
 * Hosts and paths from which routes lead, found by a hash of host and path that grows with each character: so a lookup hashes
 * both once, and at each slash looks whether there is more: what a lookup among many routes costs is the memory that it touches. A large base never changes; a small layer has what is different from it, and when
 * it has grown the two become a new base.
 */
import { randomFillSync } from "node:crypto";
import type { TableEntry } from "../table.ts";
import type { LazyRegex } from "./patterns.ts";
import type { Place } from "./place.ts";

export interface PatternPlace {
  readonly regex: LazyRegex;
  /** What every path that matches begins with. */
  readonly beginning: string;
  readonly place: Place;
}

/** What every lookup looks at stands first: it shares a line of the processor's cache. */
export interface Node {
  /** The same string for all nodes of a host. */
  readonly host: string;
  /** Up to a slash or the end: `""`, the host's own; `/api`; of an exact path also `/api/`. */
  readonly path: string;
  /** Nodes right below that lead to prefixes or patterns. */
  children: number;
  /** Of `prefix` the route that takes every request. */
  plain: TableEntry | undefined;
  /** Of the hash behind host and path. */
  readonly state: number;
  /** Routes of everything below, and of this path alone. */
  prefix: Place | undefined;
  /** Found by the whole path: nothing leads to it. */
  exact: Place | undefined;
  /** Patterns of which every match begins so, in their order. */
  patterns: readonly PatternPlace[] | undefined;
  /** Of a host's own node: its project, its routes, of them those that are more than a prefix, and those of one path. */
  project: string | undefined;
  routes: number;
  special: number;
  exacts: number;
  /** The change that made it: only that may change it. */
  readonly owner: object;
}

const FACTOR = 0x01000193;
/**
 * A secret of the process for each character, and one to begin with: who could tell which paths fall together would let all lookups
 * walk past thousands of them, those of other projects too.
 */
const SECRETS = new Int32Array(257);
randomFillSync(SECRETS);
const SEED = SECRETS[256] as number;

/**
 * The hash's state after one more character, in 32 bits. What is shifted down lets high bits take part in the low ones: without it
 * some strings fall together whatever the secrets are.
 */
export function hashed(state: number, code: number): number {
  const next = Math.imul(state ^ (SECRETS[code & 0xff] as number) ^ code, FACTOR);
  return next ^ (next >>> 15);
}

/** The state after a whole host. */
export function hashHost(host: string): number {
  let state = SEED;
  for (let at = 0; at < host.length; at++) state = hashed(state, host.charCodeAt(at));
  return state;
}

/** All bits of the state take part in each of the result's. */
function mixed(state: number): number {
  let hash = state ^ (state >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Open addressing: each node in the first free place from that of its hash on. Half of the places are free at least. */
class Slots {
  #places: (Node | undefined)[];
  #mask: number;
  count: number;

  private constructor(places: (Node | undefined)[], count: number) {
    this.#places = places;
    this.#mask = places.length - 1;
    this.count = count;
  }

  static empty(): Slots {
    return new Slots(free(16), 0);
  }

  copy(): Slots {
    return new Slots(this.#places.slice(), this.count);
  }

  *all(): Iterable<Node> {
    for (const node of this.#places) if (node !== undefined) yield node;
  }

  find(state: number, host: string, path: string, length: number): Node | undefined {
    for (let at = mixed(state) & this.#mask; ; at = (at + 1) & this.#mask) {
      const node = this.#places[at];
      if (node === undefined || (node.state === state && isOf(node, host, path, length))) return node;
    }
  }

  /** In the place of the one that stands there. */
  put(node: Node): void {
    const { state, host, path } = node;
    for (let at = mixed(state) & this.#mask; ; at = (at + 1) & this.#mask) {
      const there = this.#places[at];
      if (there !== undefined && !(there.state === state && isOf(there, host, path, path.length))) continue;
      this.#places[at] = node;
      if (there === undefined && ++this.count * 2 > this.#mask) this.#grow();
      return;
    }
  }

  #grow(): void {
    const before = this.#places;
    this.#places = free(2 * before.length);
    this.#mask = this.#places.length - 1;
    for (const node of before) {
      if (node === undefined) continue;
      let at = mixed(node.state) & this.#mask;
      while (this.#places[at] !== undefined) at = (at + 1) & this.#mask;
      this.#places[at] = node;
    }
  }
}

function free(count: number): (Node | undefined)[] {
  return new Array<Node | undefined>(count).fill(undefined);
}

function isOf(node: Node, host: string, path: string, length: number): boolean {
  return node.path.length === length && node.host === host && path.startsWith(node.path);
}

/** Never changed but by the change that makes it: `draft`, then `put`, then `settled`. */
export class Nodes {
  readonly #base: Slots;
  readonly #layer: Slots;
  /** Nodes of the base that are bare, at most. */
  readonly #gone: number;

  private constructor(base: Slots, layer: Slots, gone: number) {
    this.#base = base;
    this.#layer = layer;
    this.#gone = gone;
  }

  static empty(): Nodes {
    return new Nodes(Slots.empty(), Slots.empty(), 0);
  }

  /** The node of the host and of the first `length` characters of the path. One that is gone may be there, bare. */
  find(state: number, host: string, path: string, length: number): Node | undefined {
    const layer = this.#layer;
    if (layer.count > 0) {
      const found = layer.find(state, host, path, length);
      if (found !== undefined) return found;
    }
    return this.#base.find(state, host, path, length);
  }

  /** The host's own; undefined: no route leads from it. */
  root(host: string): Node | undefined {
    const root = this.find(hashHost(host), host, "", 0);
    return root === undefined || root.routes === 0 ? undefined : root;
  }

  draft(): Nodes {
    return new Nodes(this.#base, this.#layer.copy(), this.#gone);
  }

  put(node: Node): void {
    this.#layer.put(node);
  }

  /** With a new base when the layer has grown: the square root balances copying the layer each time and the base now and then. */
  settled(): Nodes {
    if (this.#layer.count ** 2 <= this.#base.count) return this;
    let base = this.#base.copy();
    let gone = this.#gone;
    for (const node of this.#layer.all()) {
      base.put(node);
      if (isBare(node)) gone++;
    }
    if (gone * 2 > base.count) {
      const all = base.all();
      base = Slots.empty();
      gone = 0;
      for (const node of all) if (!isBare(node)) base.put(node);
    }
    return new Nodes(base, Slots.empty(), gone);
  }
}

/** It leads nowhere. */
function isBare(node: Node): boolean {
  return node.routes === 0 && node.exact === undefined && isEnd(node);
}

/** No prefix and no pattern stands here, or below. */
export function isEnd({ children, prefix, patterns }: Node): boolean {
  return children === 0 && prefix === undefined && patterns === undefined;
}
