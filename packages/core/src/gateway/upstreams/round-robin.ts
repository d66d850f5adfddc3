/**
 * Smooth weighted round robin, as in nginx (ngx_http_upstream_round_robin.c): everyone's turn comes nearer by its weight, who
 * is nearest is chosen and goes back by the sum. 5:1:1 gives a a b a c a a, not a a a a a b c.
 */
import type { Balancer, Candidate } from "./candidate.ts";

export const roundRobin: Balancer = { pick: takeTurn };

/** Of those that are open. */
export function takeTurn(candidates: readonly Candidate[]): Candidate | undefined {
  let sum = 0;
  let best: Candidate | undefined;
  for (const one of candidates) {
    if (!one.isOpen) continue;
    sum += one.weight;
    one.turn += one.weight;
    if (best === undefined || one.turn > best.turn) best = one;
  }
  if (best !== undefined) best.turn -= sum;
  return best;
}
