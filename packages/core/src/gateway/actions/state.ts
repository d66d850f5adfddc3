/** What the actions of all routes of a worker share: it outlives changes of the table. */
import { LIMITS } from "../../domain/limits.ts";
import type { ActionLimits } from "./action-limits.ts";
import { type CommonCache, OwnCache } from "./cache/between-workers/common-cache.ts";
import { SharedCache } from "./cache/shared.ts";

/** What became of a request for which the cache was asked. */
export const CACHE_RESULTS = [
  /** It was answered from what is kept. */
  "hit",
  /** The same, after the upstream had said that it still holds. */
  "revalidated",
  /** The same, though it is too old, because the upstream has failed. */
  "stale",
  /** The upstream's answer is kept. */
  "miss",
  /** The upstream's answer is not. */
  "passed",
] as const;
export type CacheResult = (typeof CACHE_RESULTS)[number];

export function emptyCacheResults(): Record<CacheResult, number> {
  return { hit: 0, revalidated: 0, stale: 0, miss: 0, passed: 0 };
}

export class ActionState {
  readonly limits: ActionLimits;
  readonly cache: SharedCache;
  /** Answers that are being compressed. */
  compressing = 0;
  /** Bytes of them, before and after. */
  compressedIn = 0;
  compressedOut = 0;
  readonly cacheResults = emptyCacheResults();
  /** Requests that renew what is kept, and for which nobody waits. */
  renewing = 0;

  /** `common`: what it shares with other workers. */
  constructor(limits: Partial<ActionLimits> = {}, common: CommonCache = new OwnCache()) {
    this.limits = { ...LIMITS.actions, ...limits };
    this.cache = new SharedCache(this.limits, common);
  }
}
