/** What the requests of a worker share about answers that are kept: those that come, who waits for them, what is not worth it. */
import type { ActionLimits } from "../action-limits.ts";
import { isPurged, type Kept, ResponseCache } from "./response-cache.ts";

/** An answer that comes, and may be kept. */
export interface Coming {
  readonly route: string;
  readonly uri: string;
  /** It was evicted before it was there. */
  isDoomed: boolean;
}

type Waiter = (isKnown: boolean) => void;

export class SharedCache {
  readonly kept: ResponseCache;
  /** Bytes of answers that come. */
  fillBytes = 0;
  /** Bytes of answers that wait for clients which are slower than the upstream. */
  aheadBytes = 0;
  readonly #limits: ActionLimits;
  readonly #coming = new Set<Coming>();
  /** Who waits, by the key of what somebody has asked for. */
  readonly #waiters = new Map<string, { readonly sinceMs: number; readonly all: Set<Waiter> }>();
  #waiting = 0;
  /** Until when nobody waits, by key. */
  readonly #passes = new Map<string, number>();
  readonly #onEvict: ((uri: string) => void) | undefined;

  /** `onEvict`: of this worker's own; others are to hear of it. */
  constructor(limits: ActionLimits, onEvict: ((uri: string) => void) | undefined) {
    this.#limits = limits;
    this.#onEvict = onEvict;
    this.kept = new ResponseCache(limits);
  }

  /** What is kept of a URI goes, in all workers. */
  evict(uri: string): void {
    this.evictHere(uri);
    this.#onEvict?.(uri);
  }

  evictHere(uri: string): void {
    this.kept.evict(uri);
    for (const one of this.#coming) if (one.uri === uri) one.isDoomed = true;
  }

  /** As `ResponseCache.purge`. */
  purge(route: string, path?: string): void {
    this.kept.purge(route, path);
    for (const one of this.#coming) if (isPurged(one, route, path)) one.isDoomed = true;
  }

  clear(): void {
    this.kept.clear();
    for (const one of this.#coming) one.isDoomed = true;
  }

  add(coming: Coming): void {
    this.#coming.add(coming);
  }

  remove(coming: Coming): void {
    this.#coming.delete(coming);
  }

  keep(key: string, kept: Kept): void {
    this.#passes.delete(key);
    this.kept.put(key, kept);
  }

  /** It is not to be kept any more. */
  forget(key: string): void {
    this.kept.drop(key);
  }

  /**
   * Whether the caller is to ask, and to `settle` it; else `waiter` is called when somebody else has, unless it is `leave`d
   * before. Nobody waits for what takes too long already.
   */
  lead(key: string, waiter: Waiter, nowMs: number): "leads" | "waits" | "alone" {
    const until = this.#passes.get(key);
    if (until !== undefined && nowMs < until) return "alone";
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) {
      this.#waiters.set(key, { sinceMs: nowMs, all: new Set() });
      return "leads";
    }
    const { maxCollapsed, collapseMs } = this.#limits;
    if (this.#waiting >= maxCollapsed || nowMs - waiters.sinceMs >= collapseMs) return "alone";
    waiters.all.add(waiter);
    this.#waiting++;
    return "waits";
  }

  leave(key: string, waiter: Waiter): void {
    if (this.#waiters.get(key)?.all.delete(waiter) === true) this.#waiting--;
  }

  /** `isKnown`: what the answer is; else one of those who wait is to ask for the others. */
  settle(key: string, isKnown: boolean): void {
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) return;
    this.#waiters.delete(key);
    this.#waiting -= waiters.all.size;
    for (const waiter of waiters.all) waiter(isKnown);
  }

  /** The answer was not to be kept. */
  pass(key: string, nowMs: number): void {
    this.#passes.delete(key);
    this.#passes.set(key, nowMs + this.#limits.cachePassMs);
    const [oldest] = this.#passes.keys();
    if (this.#passes.size > this.#limits.maxCachePasses && oldest !== undefined) this.#passes.delete(oldest);
  }
}
