/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, arXiv 1608.01350): each backend stands at many
 * points of a circle, a key belongs to the next point behind its own, and who has much more than its share in flight is
 * passed over. When a backend goes, its own keys move and no others. All workers make the same circle.
 */
import type { Balancer, Candidate } from "./candidate.ts";
import { takeTurn } from "./round-robin.ts";

/** Points of a backend of average weight: as in ketama. */
const POINTS = 160;
/** So much of its share a backend may have in flight. */
const BOUND = 1.25;

/** Who stands on it, in order. */
export type RingMember = Pick<Candidate, "name" | "weight">;

export class Ring {
  /** Places of points, in order, and which member each is. */
  readonly #places: Uint32Array;
  readonly #members: Uint16Array;

  constructor(members: readonly RingMember[]) {
    const sum = members.reduce((all, { weight }) => all + weight, 0);
    const points = members.flatMap(({ name, weight }, member) => {
      const count = Math.max(1, Math.round((POINTS * members.length * weight) / sum));
      return Array.from({ length: count }, (_, n) => ({ place: hashOf(`${name} ${n}`), member }));
    });
    points.sort((a, b) => a.place - b.place || a.member - b.member);
    this.#places = Uint32Array.from(points, ({ place }) => place);
    this.#members = Uint16Array.from(points, ({ member }) => member);
  }

  /** The nearest behind the key that `holds`; `candidates` in the order in which they were given. */
  find(
    key: string,
    candidates: readonly Candidate[],
    holds: (one: Candidate) => boolean = isOpen,
  ): Candidate | undefined {
    const { length } = this.#places;
    for (let at = this.#behind(hashOf(key)), steps = 0; steps < length; steps++, at++) {
      if (at === length) at = 0;
      const one = candidates[this.#members[at] as number] as Candidate;
      if (holds(one)) return one;
    }
    return undefined;
  }

  /** The first point at or behind the place; the first of all when none is. */
  #behind(place: number): number {
    let from = 0;
    let to = this.#places.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#places[middle] as number) < place) from = middle + 1;
      else to = middle;
    }
    return from === this.#places.length ? 0 : from;
  }
}

/** Who has nothing to look at takes whose turn it is. */
export function hashBalancer(ring: () => Ring): Balancer {
  return {
    pick(candidates, key) {
      if (key === undefined) return takeTurn(candidates);
      let load = 1;
      let sum = 0;
      for (const { isOpen, state, weight } of candidates) {
        if (!isOpen) continue;
        load += state.inFlight;
        sum += weight;
      }
      const most = (BOUND * load) / sum;
      return ring().find(key, candidates, (one) => one.isOpen && one.state.inFlight < Math.ceil(most * one.weight));
    },
  };
}

function isOpen(one: Candidate): boolean {
  return one.isOpen;
}

/** FNV-1a of 32 bits (draft-eastlake-fnv), stirred as at the end of MurmurHash3: neighbours lie apart. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
