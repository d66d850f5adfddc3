/**
 * Bounds guessing: failed logins per address and per user name in a sliding window. An attempt counts from the moment it
 * begins, so that many at once get no more guesses than one after another; a success gives its count back.
 */
import { addressKey } from "../domain/addresses.ts";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";

export interface LoginAttempt {
  /** It was no failed guess: the password was right, or was not looked at. */
  forgive(): void;
}

class Window {
  readonly #limit: number;
  /** Key -> monotonic times of failures, oldest first. The key that was touched longest ago comes first. */
  readonly #failures = new Map<string, number[]>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#failures.size;
  }

  /** How long until one more is allowed; 0 = now. */
  waitMs(key: string, nowMs: number): number {
    const recent = this.#recent(key, nowMs);
    const oldest = recent[recent.length - this.#limit];
    return oldest === undefined ? 0 : Math.max(1, Math.ceil(oldest + LIMITS.auth.loginWindowMs - nowMs));
  }

  add(key: string, nowMs: number): void {
    const recent = this.#recent(key, nowMs);
    recent.push(nowMs);
    this.#failures.delete(key);
    this.#failures.set(key, recent);
    if (this.#failures.size <= LIMITS.auth.maxLoginKeys) return;
    const oldest = this.#failures.keys().next();
    if (!oldest.done) this.#failures.delete(oldest.value);
  }

  remove(key: string, atMs: number): void {
    const failures = this.#failures.get(key);
    const index = failures?.indexOf(atMs) ?? -1;
    if (failures === undefined || index < 0) return;
    failures.splice(index, 1);
    if (failures.length === 0) this.#failures.delete(key);
  }

  #recent(key: string, nowMs: number): number[] {
    return (this.#failures.get(key) ?? []).filter((atMs) => atMs + LIMITS.auth.loginWindowMs > nowMs);
  }
}

export class LoginLimits {
  readonly #clock: Clock;
  readonly #addresses = new Window(LIMITS.auth.maxLoginsPerIp);
  readonly #users = new Window(LIMITS.auth.maxLoginsPerUser);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Addresses and users that are remembered. */
  get size(): number {
    return this.#addresses.size + this.#users.size;
  }

  /**
   * Begins an attempt. `ip` undefined: it came over the unix socket, whose file says who may; it is counted apart, so that
   * nobody on the network can keep an administrator out of the machine. User names need not exist.
   * @throws `exhausted/rate` with `retryAfterMs`; that attempt does not count.
   */
  begin(name: string, ip: string | undefined): LoginAttempt {
    const nowMs = this.#clock.monotonicMs();
    // Longer names belong to nobody; the cut keeps memory bounded.
    const user = `${ip === undefined ? "local" : "remote"}:${name.slice(0, LIMITS.name.maxLength + 1)}`;
    const address = ip === undefined ? undefined : addressKey(ip);
    const addressWaitMs = address === undefined ? 0 : this.#addresses.waitMs(address, nowMs);
    const retryAfterMs = Math.max(addressWaitMs, this.#users.waitMs(user, nowMs));
    if (retryAfterMs > 0) {
      throw new SkerryError("exhausted/rate", "Too many failed logins.", {
        hint: `Try again in ${Math.ceil(retryAfterMs / 1000)} seconds.`,
        retryAfterMs,
      });
    }
    if (address !== undefined) this.#addresses.add(address, nowMs);
    this.#users.add(user, nowMs);
    return {
      forgive: () => {
        if (address !== undefined) this.#addresses.remove(address, nowMs);
        this.#users.remove(user, nowMs);
      },
    };
  }
}
