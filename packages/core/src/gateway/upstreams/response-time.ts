/**
 * Of two by chance the one that is likely to answer sooner: response time (peak EWMA) times the requests that it will have
 * then, for its weight. As in Finagle: what is known nothing of is asked, but by one at a time.
 */
import type { Balancer, Candidate } from "./candidate.ts";

/** Of one that has not answered yet: the more than one request it has. */
const UNKNOWN_MS = 1e6;

export function responseTimeBalancer(fraction: () => number): Balancer {
  return {
    pick(candidates, _key, nowMs) {
      let open = 0;
      for (const one of candidates) if (one.isOpen) open++;
      if (open === 0) return undefined;
      const first = Math.floor(fraction() * open);
      const one = nthOpen(candidates, first);
      if (open === 1) return one;
      // Another one, each as likely.
      const second = Math.floor(fraction() * (open - 1));
      const other = nthOpen(candidates, second < first ? second : second + 1);
      return costOf(other, nowMs) < costOf(one, nowMs) ? other : one;
    },
  };
}

function nthOpen(candidates: readonly Candidate[], n: number): Candidate {
  let left = n;
  for (const one of candidates) if (one.isOpen && left-- === 0) return one;
  throw new Error("fewer are open than were counted");
}

function costOf({ state, weight }: Candidate, nowMs: number): number {
  const ms = state.ewmaMs(nowMs);
  if (ms === 0) return state.inFlight === 0 ? 0 : (UNKNOWN_MS + state.inFlight) / weight;
  return (ms * (state.inFlight + 1)) / weight;
}
