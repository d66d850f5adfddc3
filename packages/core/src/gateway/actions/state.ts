/** What the actions of all routes of a worker share: it outlives changes of the table. */
import { LIMITS } from "../../domain/limits.ts";
import type { ActionLimits } from "./action-limits.ts";
import { SharedCache } from "./cache/shared.ts";

export class ActionState {
  readonly limits: ActionLimits;
  readonly cache: SharedCache;
  /** Answers that are being compressed. */
  compressing = 0;
  /** Bytes of them, before and after. */
  compressedIn = 0;
  compressedOut = 0;

  constructor(limits: Partial<ActionLimits> = {}, onEvict?: (uri: string) => void) {
    this.limits = { ...LIMITS.actions, ...limits };
    this.cache = new SharedCache(this.limits, onEvict);
  }
}
