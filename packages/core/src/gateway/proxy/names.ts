/**
 * Addresses of names, as the system resolves them: few at once, each name once at a time, remembered for a moment. A name
 * that was right a while ago outlives a resolver that is slow or down. What is found is checked by the caller at each use.
 */
import { lookup } from "node:dns/promises";
import { SkerryError } from "../../domain/errors.ts";
import type { Deadlines } from "./deadlines.ts";

export type Resolve = (host: string) => Promise<readonly string[]>;

/** What is known of a name. */
interface Known {
  /** As they were found last; empty: never. */
  addresses: readonly string[];
  foundMs: number;
  /** Why the last try gave none; undefined when it did not fail. */
  failure: SkerryError | undefined;
  failedMs: number;
  pending: Promise<readonly string[]> | undefined;
}

/** Those of `LIMITS.proxy`. */
export interface NameLimits {
  readonly maxLookups: number;
  readonly maxWaitingLookups: number;
  readonly maxNames: number;
  readonly lookupMs: number;
  readonly nameMs: number;
  readonly staleNameMs: number;
  readonly stalePatienceMs: number;
  readonly missingNameMs: number;
}

export interface NamesOptions {
  readonly limits: NameLimits;
  readonly deadlines: Deadlines;
  readonly nowMs: () => number;
  /** Default: the system's resolver, with its files. It takes a thread of the pool for each, and cannot be called off. */
  readonly resolve?: Resolve;
}

export class Names {
  readonly #options: NamesOptions;
  readonly #resolve: Resolve;
  readonly #known = new Map<string, Known>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: NamesOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? systemResolve;
  }

  /** At least one address. @throws `unavailable/upstream`, `unavailable/timeout`, `exhausted/overload`. */
  async find(host: string): Promise<readonly string[]> {
    const { limits, nowMs } = this.#options;
    const known = this.#entry(host);
    const now = nowMs();
    if (known.addresses.length > 0 && now - known.foundMs < limits.nameMs) return known.addresses;
    if (known.failure !== undefined && now - known.failedMs < limits.missingNameMs) {
      return this.#orStale(known, known.failure);
    }
    known.pending ??= this.#ask(host, known);
    return this.#within(known.pending, known);
  }

  #entry(host: string): Known {
    let known = this.#known.get(host);
    if (known === undefined) {
      known = { addresses: [], foundMs: 0, failure: undefined, failedMs: 0, pending: undefined };
      this.#known.set(host, known);
      this.#forgetOldest();
    }
    return known;
  }

  #forgetOldest(): void {
    if (this.#known.size <= this.#options.limits.maxNames) return;
    for (const [host, { pending }] of this.#known) {
      if (pending !== undefined) continue;
      this.#known.delete(host);
      return;
    }
  }

  /** The lookup goes on when it is late: it cannot be called off, and its answer is of use to the next. */
  #within(pending: Promise<readonly string[]>, known: Known): Promise<readonly string[]> {
    const { deadlines, limits, nowMs } = this.#options;
    const patienceMs = this.#isStillGood(known) ? limits.stalePatienceMs : limits.lookupMs;
    return new Promise((resolve, reject) => {
      const late = deadlines.add(nowMs() + patienceMs, () => {
        if (this.#isStillGood(known)) resolve(known.addresses);
        else reject(new SkerryError("unavailable/connect-timeout", "The upstream's name was not resolved in time."));
      });
      pending.then(
        (addresses) => {
          deadlines.delete(late);
          resolve(addresses);
        },
        (error: unknown) => {
          deadlines.delete(late);
          if (this.#isStillGood(known)) resolve(known.addresses);
          else reject(error);
        },
      );
    });
  }

  #isStillGood({ addresses, foundMs }: Known): boolean {
    return addresses.length > 0 && this.#options.nowMs() - foundMs < this.#options.limits.staleNameMs;
  }

  #orStale(known: Known, failure: SkerryError): readonly string[] {
    if (!this.#isStillGood(known)) throw failure;
    return known.addresses;
  }

  async #ask(host: string, known: Known): Promise<readonly string[]> {
    const { nowMs } = this.#options;
    try {
      await this.#turn();
      let found: readonly string[];
      try {
        found = await this.#resolve(host);
      } finally {
        // The place goes on to the one that waits.
        const next = this.#waiting.shift();
        if (next === undefined) this.#running--;
        else next();
      }
      if (found.length === 0) throw new SkerryError("unavailable/upstream", NO_ADDRESS);
      known.addresses = found;
      known.foundMs = nowMs();
      known.failure = undefined;
      return found;
    } catch (cause) {
      const failure = toFailure(cause);
      if (!isPassing(failure)) known.addresses = [];
      known.failure = failure;
      known.failedMs = nowMs();
      throw failure;
    } finally {
      known.pending = undefined;
    }
  }

  /** Resolves when one more may be asked for. */
  async #turn(): Promise<void> {
    const { maxLookups, maxWaitingLookups } = this.#options.limits;
    if (this.#running >= maxLookups) {
      if (this.#waiting.length >= maxWaitingLookups) {
        throw new SkerryError("exhausted/overload", "Too many names of upstreams are being resolved.", {
          retryAfterMs: 1000,
          hint: "Try again later.",
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      return;
    }
    this.#running++;
  }
}

const NO_ADDRESS = "The upstream's name has no address.";

async function systemResolve(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

function toFailure(cause: unknown): SkerryError {
  return cause instanceof SkerryError ? cause : new SkerryError("unavailable/upstream", NO_ADDRESS, { cause });
}

/** The resolver could not say: what was true before may still be. */
function isPassing(failure: SkerryError): boolean {
  if (failure.code === "exhausted") return true;
  const code = (failure.cause as { code?: string } | undefined)?.code;
  return code !== undefined && code !== "ENOTFOUND" && code !== "ENODATA";
}
