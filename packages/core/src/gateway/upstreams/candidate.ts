/** A backend as those see it who choose one, and what choosing is. */
import type { BackendState } from "./state.ts";

export interface Candidate {
  /** Its own within the upstream. */
  readonly name: string;
  /** As it counts now; above 0. */
  weight: number;
  readonly state: BackendState;
  /** It may be chosen now. Set before each choice. */
  isOpen: boolean;
  /** Of the smooth turn: see round-robin.ts. */
  turn: number;
}

export interface Balancer {
  /** One of those that are open; undefined: none is. `key`: what the request has that `hash` looks at. */
  pick(candidates: readonly Candidate[], key: string | undefined, nowMs: number): Candidate | undefined;
}
