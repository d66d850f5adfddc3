/** What the requests of a worker share about answers that are kept: those that come, who waits for them, what is not worth it. */
import type { ActionLimits } from "../action-limits.ts";
import type { CommonCache, Place } from "./between-workers/common-cache.ts";
import { isPurged, type Kept, ResponseCache } from "./response-cache.ts";

/** An answer that comes, and may be kept. */
export interface Coming {
  readonly route: string;
  readonly uri: string;
  /** It was purged before it was there. */
  isDoomed: boolean;
}

type Waiter = (isKnown: boolean) => void;

/** Those who wait for one answer. */
interface Waiting {
  readonly sinceMs: number;
  readonly all: Set<Waiter>;
  /** No other worker asks for it as long as this one does. */
  isLocked: boolean;
  /** Another worker asks for it: looks no more whether it still does. */
  readonly leaveOther: (() => void) | undefined;
}

export class SharedCache {
  readonly kept: ResponseCache;
  readonly common: CommonCache;
  /** Bytes of answers that come. */
  fillBytes = 0;
  /** Bytes of answers that wait for clients which are slower than the upstream. */
  aheadBytes = 0;
  readonly #limits: ActionLimits;
  readonly #coming = new Set<Coming>();
  /** By the key of what somebody has asked for. */
  readonly #waiters = new Map<string, Waiting>();
  #waiting = 0;
  /** Until when nobody waits, by key. */
  readonly #passes = new Map<string, number>();

  /** `common`: what it shares with other workers. */
  constructor(limits: ActionLimits, common: CommonCache) {
    this.#limits = limits;
    this.common = common;
    this.kept = new ResponseCache(limits);
  }

  /** The one for a request with these header lines: of this worker, or when it has no fresh one, what another has kept. */
  find(key: string, place: Place, lines: string, nowMs: number): Kept | undefined {
    let own = this.kept.find(key, lines);
    if (own !== undefined && !this.#holds(own)) {
      this.kept.drop(key);
      own = undefined;
    }
    if (own !== undefined && nowMs < own.freshUntilMs) return own;
    const other = this.common.find(key, place, lines, own?.freshUntilMs ?? Number.NEGATIVE_INFINITY);
    if (other === undefined || !this.#holds(other)) return own;
    this.kept.put(key, other);
    return other;
  }

  /** Nothing has been changed since it was asked for. */
  #holds({ project, uri, mark }: Kept): boolean {
    return this.common.mark(project, uri) === mark;
  }

  /** As `ResponseCache.purge`, of this worker. */
  purge(route: string, path?: string): void {
    this.kept.purge(route, path);
    this.common.purge(route, path);
    for (const one of this.#coming) if (isPurged(one, route, path)) one.isDoomed = true;
  }

  add(coming: Coming): void {
    this.#coming.add(coming);
  }

  remove(coming: Coming): void {
    this.#coming.delete(coming);
  }

  /** For all workers, unless something was changed since it was asked for. */
  keep(key: string, kept: Kept): void {
    this.#passes.delete(key);
    if (!this.#holds(kept)) return;
    this.kept.put(key, kept);
    const waiting = this.#waiters.get(key);
    const isLocked = waiting?.isLocked === true;
    // The others wait until it is there.
    if (waiting !== undefined) waiting.isLocked = false;
    this.common.save(key, kept, () => {
      if (isLocked) this.common.unlock(key);
    });
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
    const waiting = this.#waiters.get(key);
    if (waiting === undefined) return this.#begin(key, waiter, nowMs);
    const { maxCollapsed, collapseMs } = this.#limits;
    if (this.#waiting >= maxCollapsed || nowMs - waiting.sinceMs >= collapseMs) return "alone";
    waiting.all.add(waiter);
    this.#waiting++;
    return "waits";
  }

  #begin(key: string, waiter: Waiter, nowMs: number): "leads" | "waits" | "alone" {
    const role = this.common.lock(key, nowMs);
    if (role === "late" || (role === "others" && this.#waiting >= this.#limits.maxCollapsed)) return "alone";
    if (role === "mine") {
      this.#waiters.set(key, { sinceMs: nowMs, all: new Set(), isLocked: true, leaveOther: undefined });
      return "leads";
    }
    const leaveOther = this.common.onUnlocked(key, () => this.settle(key, false));
    this.#waiters.set(key, { sinceMs: nowMs, all: new Set([waiter]), isLocked: false, leaveOther });
    this.#waiting++;
    return "waits";
  }

  /** Nobody of this worker asks for it, and it may be kept. */
  mayLead(key: string, nowMs: number): boolean {
    return !this.#waiters.has(key) && (this.#passes.get(key) ?? 0) <= nowMs;
  }

  leave(key: string, waiter: Waiter): void {
    const waiting = this.#waiters.get(key);
    if (waiting?.all.delete(waiter) !== true) return;
    this.#waiting--;
    if (waiting.all.size > 0 || waiting.leaveOther === undefined) return;
    waiting.leaveOther();
    this.#waiters.delete(key);
  }

  /** `isKnown`: what the answer is; else one of those who wait is to ask for the others. */
  settle(key: string, isKnown: boolean): void {
    const waiting = this.#waiters.get(key);
    if (waiting === undefined) return;
    this.#waiters.delete(key);
    if (waiting.isLocked) this.common.unlock(key);
    this.#waiting -= waiting.all.size;
    for (const waiter of waiting.all) waiter(isKnown);
  }

  /** The answer was not to be kept. */
  pass(key: string, nowMs: number): void {
    this.#passes.delete(key);
    this.#passes.set(key, nowMs + this.#limits.cachePassMs);
    const [oldest] = this.#passes.keys();
    if (this.#passes.size > this.#limits.maxCachePasses && oldest !== undefined) this.#passes.delete(oldest);
  }
}
