/** What routes ask of who comes, before anything is done for him: by all connections of a worker. */
import type { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Random } from "../../domain/ports.ts";
import type { RouteLimits } from "../../domain/route-limits.ts";
import { refusesAddress } from "../guard/access.ts";
import { type Held, InFlight } from "../guard/in-flight.ts";
import { type HashKey, keyOf } from "../guard/keyed-hash.ts";
import { NetworkLists } from "../guard/network-lists.ts";
import { RateTable } from "../guard/rate-table.ts";
import { admit, prepareRates, type RatedRequest, type Rates } from "../guard/rates.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { Guard, TableEntry } from "../table.ts";
import { BLOCKED, CLIENT_FULL, ROUTE_FULL, TOO_LARGE, TOO_MUCH_HEAD } from "./own-errors.ts";

export interface GuardOptions {
  /** Networks that routes name. Absent: none. */
  readonly lists?: NetworkLists;
  /** 8 bytes, the same in all workers of a node. Absent: drawn. */
  readonly rateSecret?: Buffer;
  /** How many workers share what a route takes at once. Absent: 1. */
  readonly workers?: number;
  /** Something was spent, and waits for `takeSpent`. Absent: nobody wants to know. */
  readonly onSpent?: () => void;
}

export interface Admitted {
  readonly error: SkerryError | undefined;
  /** Header lines for the answer, whatever it is. */
  readonly lines: string;
  /** To be given back with `release`. */
  readonly held?: Held;
}

export const YES: Admitted = { error: undefined, lines: "" };
export const refused = (error: SkerryError): Admitted => ({ error, lines: "" });

/** What is asked for, and how large it is. */
export type GuardedRequest = RatedRequest & Pick<RequestHead, "hostHeader" | "bodyBytes">;

/** Of what the upstream is told. */
function headBytes({ method, target, hostHeader, lines }: GuardedRequest): number {
  return method.length + target.length + hostHeader.length + lines.length;
}

export class Guards {
  readonly #options: GuardOptions;
  readonly #lists: NetworkLists;
  readonly #secret: HashKey;
  /** Made when a route has a rate. */
  #rates: RateTable | undefined;
  readonly #inFlight: InFlight;
  readonly #ready = new WeakMap<Guard, Rates>();

  constructor(options: GuardOptions & { readonly random: Random }) {
    this.#options = options;
    this.#inFlight = new InFlight(options.workers ?? 1);
    this.#lists = options.lists ?? new NetworkLists();
    this.#secret = keyOf(options.rateSecret ?? Buffer.from(options.random.bytes(8)));
  }

  /** Whether a request may go on. */
  ask(entry: TableEntry, guard: Guard, request: GuardedRequest, ip: string, nowMs: number): Admitted {
    const { access, limits } = guard;
    if (access !== undefined && refusesAddress(access, ip, this.#lists)) return refused(BLOCKED);
    if (limits === undefined) return YES;
    const { maxBodyBytes = Number.POSITIVE_INFINITY, maxHeaderBytes = Number.POSITIVE_INFINITY } = limits;
    if (request.bodyBytes > maxBodyBytes) return refused(TOO_LARGE);
    if (headBytes(request) > maxHeaderBytes) return refused(TOO_MUCH_HEAD);
    const rated = limits.rate === undefined ? YES : this.#admit(entry, guard, limits, request, ip, nowMs);
    const isBounded = limits.inFlight !== undefined || limits.inFlightPerClient !== undefined;
    if (rated.error !== undefined || !isBounded) return rated;
    const held = this.#inFlight.take(entry.id, limits, ip);
    if (held === "route" || held === "client")
      return { error: held === "route" ? ROUTE_FULL : CLIENT_FULL, lines: rated.lines };
    return { ...rated, held };
  }

  release(held: Held): void {
    this.#inFlight.release(held);
  }

  #admit(
    entry: TableEntry,
    guard: Guard,
    limits: RouteLimits,
    request: GuardedRequest,
    ip: string,
    nowMs: number,
  ): Admitted {
    let rates = this.#ready.get(guard);
    if (rates === undefined) {
      rates = prepareRates(limits, entry, this.#secret);
      this.#ready.set(guard, rates);
    }
    return admit(rates, this.#table, request, ip, nowMs);
  }

  get #table(): RateTable {
    const { onSpent } = this.#options;
    this.#rates ??= new RateTable({ slots: LIMITS.guard.rateSlots, ...(onSpent && { onSpent }) });
    return this.#rates;
  }

  /** What was spent of rates since the last time. */
  takeSpent(): { readonly spent: readonly number[]; readonly hasMore: boolean } {
    const spent = this.#rates?.takeSpent(LIMITS.guard.maxShared) ?? [];
    return { spent, hasMore: this.#rates?.hasSpent ?? false };
  }

  /** What other workers have spent. */
  applySpent(spent: readonly number[], nowMs: number): void {
    this.#table.apply(spent, nowMs);
  }
}
