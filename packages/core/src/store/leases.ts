/** Leases: which keys hang on them, and one timer for the next that ends. Time left is in memory only. */
import type { Clock } from "../domain/ports.ts";
import type { LoggedLease } from "./log.ts";
import type { Change } from "./state.ts";

interface HeldLease extends LoggedLease {
  dueMs: number;
}

export class LeaseTable {
  readonly #clock: Clock;
  readonly #onExpired: (id: string) => void;
  readonly #leases = new Map<string, HeldLease>();
  /** Ended, but the log does not say so before this record is durable: a snapshot must still have them. */
  readonly #ending = new Map<string, LoggedLease & { readonly endSeq: number }>();
  readonly #keys = new Map<string, Set<string>>();
  #timer: AbortController | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #started = false;

  constructor(clock: Clock, onExpired: (id: string) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#leases.size;
  }

  has(id: string): boolean {
    return this.#leases.has(id);
  }

  grant(lease: LoggedLease): void {
    this.#leases.set(lease.id, { ...lease, dueMs: this.#clock.monotonicMs() + lease.ttlMs });
    this.#arm();
  }

  /** False when there is no such lease. */
  renew(id: string): boolean {
    const lease = this.#leases.get(id);
    if (!lease) return false;
    lease.dueMs = this.#clock.monotonicMs() + lease.ttlMs;
    return true;
  }

  /** Removes the lease and tells which keys hang on it. Record `endSeq` of the log will say so. */
  end(id: string, endSeq: number): string[] {
    const lease = this.#leases.get(id);
    if (lease) this.#ending.set(id, { id, ttlMs: lease.ttlMs, endSeq });
    this.#leases.delete(id);
    return [...(this.#keys.get(id) ?? [])];
  }

  /** Records up to this one are durable. */
  settle(seq: number): void {
    for (const { id, endSeq } of this.#ending.values()) if (endSeq <= seq) this.#ending.delete(id);
  }

  /** For a snapshot. */
  all(): LoggedLease[] {
    return [...this.#leases.values(), ...this.#ending.values()].map(({ id, ttlMs }) => ({ id, ttlMs }));
  }

  /** Keeps track of the keys that a transaction put under leases or took away. */
  follow(changes: readonly Change[]): void {
    for (const change of changes) {
      const key = change.type === "put" ? change.entry.key : change.key;
      if (change.previous?.lease !== undefined) this.#detach(change.previous.lease, key);
      if (change.type === "put" && change.entry.lease !== undefined) this.attach(change.entry.lease, key);
    }
  }

  attach(id: string, key: string): void {
    const keys = this.#keys.get(id);
    if (keys) keys.add(key);
    else this.#keys.set(id, new Set([key]));
  }

  /** From now on leases end. Each has its whole time. */
  start(): void {
    this.#started = true;
    const nowMs = this.#clock.monotonicMs();
    for (const lease of this.#leases.values()) lease.dueMs = nowMs + lease.ttlMs;
    this.#arm();
  }

  /** No lease ends any more. */
  stop(): void {
    this.#started = false;
    this.#timer?.abort();
    this.#timer = undefined;
  }

  #detach(id: string, key: string): void {
    const keys = this.#keys.get(id);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(id);
  }

  /** Sleeps until the next lease may end. A renewal does not move the timer: it looks again when it fires. */
  #arm(): void {
    if (!this.#started) return;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const lease of this.#leases.values()) dueMs = Math.min(dueMs, lease.dueMs);
    if (dueMs === Number.POSITIVE_INFINITY || (this.#timer && this.#timerDueMs <= dueMs)) return;
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    this.#timerDueMs = dueMs;
    this.#clock.sleep(Math.max(0, dueMs - this.#clock.monotonicMs()), timer.signal).then(
      () => this.#fire(timer),
      () => undefined,
    );
  }

  #fire(timer: AbortController): void {
    if (this.#timer !== timer) return;
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const lease of [...this.#leases.values()]) if (lease.dueMs <= nowMs) this.#onExpired(lease.id);
    this.#arm();
  }
}
