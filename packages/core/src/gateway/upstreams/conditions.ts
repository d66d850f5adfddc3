/** How backends are, as a worker tells it. Plain data: it crosses the control pipe as JSON. */
import type { Condition } from "./guard.ts";

export interface BackendCondition {
  readonly condition: Condition;
  /** What the health checks have found. */
  readonly why?: string;
}

/** Those that are not quite ready: by id of the upstream, and name. */
export type BackendConditions = Readonly<Record<string, Readonly<Record<string, BackendCondition>>>>;
