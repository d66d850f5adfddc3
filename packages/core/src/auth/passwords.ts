/** Passwords: the rule, and argon2id behind a bounded queue (each hash takes 19 MiB and a thread). */
import { hash, verify } from "@node-rs/argon2";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Random } from "../domain/ports.ts";
import type { Metrics } from "../domain/telemetry.ts";

export interface PasswordHasher {
  /** PHC string. @throws `exhausted/overload` when too many wait. */
  hash(password: string): Promise<string>;
  /** @throws `exhausted/overload` when too many wait. */
  verify(passwordHash: string, password: string): Promise<boolean>;
  /** A PHC string that no password fits, of the same cost: what an unknown user's password is verified against. */
  readonly nobodysHash: string;
}

export interface HashCost {
  readonly memoryCostKiB: number;
  readonly timeCost: number;
  readonly parallelism: number;
}

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane. */
const OWASP_COST: HashCost = { memoryCostKiB: 19_456, timeCost: 2, parallelism: 1 };

/** The same password typed on another keyboard is the same password (RFC 8265, NIST SP 800-63B 5.1.1.2). */
function normalize(password: string): string {
  return password.normalize("NFKC");
}

/** @throws `invalid` with the rule. */
export function assertPassword(password: unknown, userName: string): asserts password is string {
  const { minPasswordLength, maxPasswordLength } = LIMITS.auth;
  const refuse = (why: string): never => {
    throw new SkerryError("invalid", `The password is not taken: ${why}.`, {
      hint: `A password has ${minPasswordLength} to ${maxPasswordLength} characters and is not the name of the user.`,
      details: { field: "password" },
    });
  };
  if (typeof password !== "string" || !password.isWellFormed()) return refuse("it is not text");
  // Two UTF-16 units are one character at most. This bound holds before any work is done, and `verify` cuts there.
  const tooLong = password.length > 2 * maxPasswordLength;
  const length = tooLong ? password.length : [...normalize(password)].length;
  if (length < minPasswordLength) refuse(`it is shorter than ${minPasswordLength} characters`);
  if (length > maxPasswordLength) refuse(`it is longer than ${maxPasswordLength} characters`);
  if (password.toLowerCase() === userName) refuse("it is the name of the user");
  if (new Set(password).size < 4) refuse("it repeats too few characters");
}

class Gate {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= LIMITS.auth.maxConcurrentHashes) {
      if (this.#waiting.length >= LIMITS.auth.maxWaitingHashes) {
        throw new SkerryError("exhausted/overload", "Too many passwords are being checked at the moment.", {
          hint: "Try again in a few seconds.",
          retryAfterMs: 1000,
        });
      }
      // Whoever ends hands the place on, so nobody can slip in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/** `cost` below OWASP's is for tests only. */
export async function createPasswordHasher(options: {
  readonly random: Random;
  readonly metrics?: Metrics;
  readonly cost?: HashCost;
}): Promise<PasswordHasher> {
  const { memoryCostKiB, timeCost, parallelism } = options.cost ?? OWASP_COST;
  const gate = new Gate();
  options.metrics?.gauge("skerry_auth_hashes_waiting", "Password hashes that wait for a place.", () => gate.waiting);
  const compute = (password: string): Promise<string> =>
    // The library's default algorithm is argon2id.
    hash(normalize(password), { memoryCost: memoryCostKiB, timeCost, parallelism, salt: options.random.bytes(16) });
  const nobodysHash = await compute(Buffer.from(options.random.bytes(32)).toString("base64url"));
  return {
    nobodysHash,
    hash: (password) => gate.run(() => compute(password)),
    verify: (passwordHash, password) =>
      gate.run(async () => {
        // No password is longer; the cut bounds the work.
        const text = normalize(password.slice(0, 2 * LIMITS.auth.maxPasswordLength)).toWellFormed();
        return verify(passwordHash, text);
      }),
  };
}
