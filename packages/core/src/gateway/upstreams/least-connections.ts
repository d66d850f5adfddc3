/** Who has the fewest requests in flight for its weight; among those that are alike, whose turn it is (as in nginx). */
import type { Balancer, Candidate } from "./candidate.ts";
import { takeTurn } from "./round-robin.ts";

export const leastConnections: Balancer = {
  pick(candidates) {
    let least: Candidate | undefined;
    for (const one of candidates) if (one.isOpen && (least === undefined || isLess(one, least))) least = one;
    if (least === undefined) return undefined;
    for (const one of candidates) if (one.isOpen && isLess(least, one)) one.isOpen = false;
    return takeTurn(candidates);
  },
};

function isLess(one: Candidate, other: Candidate): boolean {
  return one.state.inFlight * other.weight < other.state.inFlight * one.weight;
}
