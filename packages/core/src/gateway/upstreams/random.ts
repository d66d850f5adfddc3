/**
 * Two by chance, in proportion to their weights, and of them the one with less in flight for its weight: the longest queue
 * stays short without everyone running to the same backend (Mitzenmacher, The Power of Two Choices in Randomized Load
 * Balancing, 2001). When nothing is in flight, it is the first: plain chance.
 */
import type { Balancer, Candidate } from "./candidate.ts";

export function randomBalancer(fraction: () => number): Balancer {
  return {
    pick(candidates) {
      const one = draw(candidates, fraction);
      const other = draw(candidates, fraction);
      if (one === undefined || other === undefined) return one;
      return other.state.inFlight * one.weight < one.state.inFlight * other.weight ? other : one;
    },
  };
}

function draw(candidates: readonly Candidate[], fraction: () => number): Candidate | undefined {
  let sum = 0;
  for (const one of candidates) if (one.isOpen) sum += one.weight;
  let left = fraction() * sum;
  let last: Candidate | undefined;
  for (const one of candidates) {
    if (!one.isOpen) continue;
    last = one;
    left -= one.weight;
    if (left < 0) break;
  }
  return last;
}
