/**
 * The routes of one path that ask for more than it, as a tree: each node asks for one thing (a method, a header ...) and
 * leads on by its value, so that ten thousand of them cost a few looks.
 */
import type { ConditionPlace } from "../../domain/route-match.ts";
import type { TableEntry } from "../table.ts";
import type { Facts } from "./asked.ts";
import { allows, type Candidate, compareEntries, toCandidate } from "./candidate.ts";

interface Ranked extends Candidate {
  /** Place in the order of all of the path. */
  readonly rank: number;
}

/** Leads on from one thing that is asked for. */
interface Fork {
  readonly place: ConditionPlace;
  readonly name: string;
  readonly byValue: Map<string, Node>;
  /** Those that ask for it, but not for one value. */
  any: Node | undefined;
}

/** Most have one route and lead no further: then nothing else of them is looked at. */
interface Node {
  readonly first: Ranked | undefined;
  /** Behind the first, in their order. */
  readonly more: readonly Ranked[];
  readonly isLeaf: boolean;
  readonly byMethod: ReadonlyMap<string, Node> | undefined;
  /** Each of them is looked for in the request. */
  readonly forks: readonly Fork[];
  /** Of places with many names: those of the request are looked up here. */
  readonly byName: ReadonlyMap<ConditionPlace, ReadonlyMap<string, Fork>> | undefined;
}

/** Fewer are looked at one after another. */
const FEW = 4;
/** With more names of one kind, those of the request are looked up instead of each of them in the request. */
const MANY_NAMES = 8;
const METHOD = "method";

export class Choice {
  readonly #root: Node;

  constructor(entries: Iterable<TableEntry>) {
    const sorted = [...entries].sort(compareEntries);
    this.#root = grow(
      sorted.map((entry, rank) => ({ ...toCandidate(entry), rank })),
      new Set(),
    );
  }

  /** The first that the request is for. Those whose ids are in `gone` are not meant any more. */
  find(facts: Facts, gone?: ReadonlyMap<string, unknown>): TableEntry | undefined {
    return search(this.#root, facts, undefined, gone)?.entry;
  }
}

type Gone = ReadonlyMap<string, unknown> | undefined;

function search(node: Node, facts: Facts, before: Ranked | undefined, gone: Gone): Ranked | undefined {
  let best = before;
  if (node.first !== undefined) {
    best = better(node.first, facts, best, gone);
    for (let at = 0; at < node.more.length; at++) best = better(node.more[at] as Ranked, facts, best, gone);
  }
  if (node.isLeaf) return best;
  const byMethod = node.byMethod?.get(facts.method);
  if (byMethod !== undefined) best = search(byMethod, facts, best, gone);
  for (let at = 0; at < node.forks.length; at++) {
    const fork = node.forks[at] as Fork;
    best = follow(fork, facts.value(fork.place, fork.name), facts, best, gone);
  }
  if (node.byName === undefined) return best;
  for (const [place, forks] of node.byName) {
    for (const [name, value] of facts.all(place)) {
      const fork = forks.get(name);
      if (fork !== undefined) best = follow(fork, value, facts, best, gone);
    }
  }
  return best;
}

function better(one: Ranked, facts: Facts, best: Ranked | undefined, gone: Gone): Ranked | undefined {
  if (best !== undefined && one.rank > best.rank) return best;
  return gone?.has(one.entry.id) || !allows(one, facts) ? best : one;
}

function follow(
  fork: Fork,
  value: string | undefined,
  facts: Facts,
  before: Ranked | undefined,
  gone: Gone,
): Ranked | undefined {
  if (value === undefined) return before;
  let best = before;
  const next = fork.byValue.get(value);
  if (next !== undefined) best = search(next, facts, best, gone);
  return fork.any === undefined ? best : search(fork.any, facts, best, gone);
}

/** `used`: what the way to here has asked for already. */
function grow(all: readonly Ranked[], used: ReadonlySet<string>): Node {
  const here: Ranked[] = [];
  const groups = new Map<string, Ranked[]>();
  if (all.length <= FEW) here.push(...all);
  else {
    const variety = countValues(all, used);
    for (const one of all) {
      const key = best(one, used, variety);
      if (key === undefined) here.push(one);
      else groupOf(groups, key).push(one);
    }
  }
  const forks: Fork[] = [];
  let byMethod: Map<string, Node> | undefined;
  for (const [key, members] of groups) {
    const next = new Set([...used, key]);
    if (key === METHOD) byMethod = growMethods(members, next);
    else forks.push(growFork(members, ...split(key), next));
  }
  const { few, byName } = apart(forks);
  const isLeaf = byMethod === undefined && forks.length === 0;
  return { first: here[0], more: here.slice(1), isLeaf, byMethod, forks: few, byName };
}

/** Those of places with few names, and the others by place and name. */
function apart(forks: readonly Fork[]): { few: readonly Fork[]; byName: Node["byName"] } {
  const few: Fork[] = [];
  const many = new Map<ConditionPlace, Map<string, Fork>>();
  for (const [place, some] of Map.groupBy(forks, (fork) => fork.place)) {
    if (some.length <= MANY_NAMES) few.push(...some);
    else many.set(place, new Map(some.map((fork) => [fork.name, fork])));
  }
  return { few, byName: many.size === 0 ? undefined : many };
}

/** What led to a route is not asked of it again: that is left out, here and below. */
function growMethods(members: readonly Ranked[], used: ReadonlySet<string>): Map<string, Node> {
  const byMethod = new Map<string, Ranked[]>();
  for (const one of members) {
    const rest = { ...one, methods: undefined };
    for (const method of one.methods ?? []) groupOf(byMethod, method).push(rest);
  }
  return new Map([...byMethod].map(([method, some]) => [method, grow(some, used)]));
}

function growFork(members: readonly Ranked[], place: ConditionPlace, name: string, used: ReadonlySet<string>): Fork {
  const byValue = new Map<string, Ranked[]>();
  const any: Ranked[] = [];
  for (const one of members) {
    const demand = one.demands.find((candidate) => candidate.place === place && candidate.condition.name === name);
    if (demand?.condition.type !== "exact") any.push(one);
    else {
      const rest = { ...one, demands: one.demands.filter((other) => other !== demand) };
      groupOf(byValue, demand.condition.value ?? "").push(rest);
    }
  }
  return {
    ...{ place, name },
    byValue: new Map([...byValue].map(([value, some]) => [value, grow(some, used)])),
    any: any.length === 0 ? undefined : grow(any, used),
  };
}

/** How many values each thing that is asked for has among these: what tells most of them apart is asked first. */
function countValues(all: readonly Ranked[], used: ReadonlySet<string>): Map<string, number> {
  const values = new Map<string, Set<string>>();
  for (const one of all) {
    for (const [key, value] of keysOf(one)) {
      if (used.has(key)) continue;
      const some = values.get(key);
      if (some === undefined) values.set(key, new Set([value]));
      else some.add(value);
    }
  }
  return new Map([...values].map(([key, some]) => [key, some.size]));
}

function best(one: Ranked, used: ReadonlySet<string>, variety: ReadonlyMap<string, number>): string | undefined {
  let found: string | undefined;
  for (const [key] of keysOf(one)) {
    if (!used.has(key) && (found === undefined || (variety.get(key) ?? 0) > (variety.get(found) ?? 0))) found = key;
  }
  return found;
}

/** What it asks for by which a tree can lead on, with the value; that something is absent is not. */
function* keysOf({ methods, demands }: Ranked): Iterable<readonly [key: string, value: string]> {
  for (const { place, condition } of demands) {
    if (condition.type !== "absent")
      yield [`${place} ${condition.name}`, condition.type === "exact" ? `=${condition.value}` : "any"];
  }
  if (methods !== undefined) yield [METHOD, methods.join()];
}

function split(key: string): [ConditionPlace, string] {
  const space = key.indexOf(" ");
  return [key.slice(0, space) as ConditionPlace, key.slice(space + 1)];
}

function groupOf<T>(groups: Map<string, T[]>, key: string): T[] {
  let group = groups.get(key);
  if (group === undefined) {
    group = [];
    groups.set(key, group);
  }
  return group;
}
