/** Which backend of an upstream a request gets. */
import type { Balance } from "../../domain/upstreams.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { Facts } from "../routing/asked.ts";
import type { Backend, StickyRule, Upstream } from "../table.ts";
import type { Balancer, Candidate } from "../upstreams/candidate.ts";
import { leastConnections } from "../upstreams/least-connections.ts";
import { randomBalancer } from "../upstreams/random.ts";
import { responseTimeBalancer } from "../upstreams/response-time.ts";
import { hashBalancer, type Ring } from "../upstreams/ring.ts";
import { roundRobin } from "../upstreams/round-robin.ts";
import { stickyValueOf } from "../upstreams/sticky.ts";
import type { BackendPool } from "./pool.ts";

/** A backend and its pool. Backends that differ in path or Host only share the pool. */
export interface Member extends Candidate {
  readonly backend: Backend;
  readonly pool: BackendPool;
  /** What is declared. */
  readonly share: number;
  /** Value of the cookie with which clients come back to it. */
  readonly stickyValue: string | undefined;
}

/** Who asks. */
export interface Asking {
  readonly head: RequestHead;
  readonly clientAddress: string;
}

/** Of the request that a backend is chosen for now. */
const facts = new Facts();

export class Choice {
  /** All that may get requests: the drained are none. */
  readonly #members: readonly Member[];
  readonly #only: Member | undefined;
  /** Those among whom requests are spread. */
  readonly #balanced: readonly Member[];
  readonly #balancer: Balancer;
  readonly #balance: Balance | undefined;
  readonly #sticky: StickyRule | undefined;
  readonly #ring: () => Ring;

  /** `ring`: of these members, made once. */
  constructor(
    { balance, sticky }: Pick<Upstream, "balance" | "sticky">,
    members: readonly Member[],
    fraction: () => number,
    ring: (members: readonly Member[]) => Ring,
  ) {
    this.#members = members;
    this.#only = members.length === 1 && (members[0]?.share ?? 0) > 0 ? members[0] : undefined;
    this.#balanced = members.filter(({ share }) => share > 0);
    this.#ring = () => ring(this.#balanced);
    this.#balance = balance;
    this.#sticky = sticky;
    this.#balancer = balancerOf(balance, fraction, this.#ring);
  }

  /**
   * Never one of `tried`. Those that could not be connected to a moment ago come last. Undefined: there is nobody left.
   */
  choose(asking: Asking, tried: readonly Member[], nowMs: number): Member | undefined {
    const only = this.#only;
    if (only !== undefined) return tried.includes(only) || !only.state.isEligible(nowMs) ? undefined : only;
    if (!this.#open(tried, nowMs, false) && !this.#open(tried, nowMs, true)) return undefined;
    const stuck = this.#sticky && this.#stuck(this.#sticky, asking);
    if (stuck !== undefined) return stuck;
    return this.#balancer.pick(this.#balanced, this.#keyOf(asking), nowMs) as Member | undefined;
  }

  /** Marks those that may be chosen. False: there is none. */
  #open(tried: readonly Member[], nowMs: number, alsoAvoided: boolean): boolean {
    let isAny = false;
    for (const one of this.#members) {
      const isGood = alsoAvoided || one.pool.avoidUntilMs <= nowMs;
      one.isOpen = isGood && one.state.isEligible(nowMs) && !tried.includes(one);
      one.weight = one.share * one.state.shareAt(nowMs);
      isAny ||= one.isOpen;
    }
    return isAny;
  }

  /** The request comes back to the backend that it had: another one may not know its client. */
  isBound({ head }: Asking): boolean {
    const sticky = this.#sticky;
    if (sticky === undefined) return false;
    const value = facts.begin(head).value(sticky.by === "cookie" ? "cookies" : "headers", sticky.name);
    if (value === undefined) return false;
    return sticky.by === "header" || this.#members.some(({ stickyValue }) => stickyValue === value);
  }

  #stuck(sticky: StickyRule, { head }: Asking): Member | undefined {
    const value = facts.begin(head).value(sticky.by === "cookie" ? "cookies" : "headers", sticky.name);
    if (value === undefined) return undefined;
    if (sticky.by === "header") return this.#ring().find(value, this.#balanced) as Member | undefined;
    return this.#members.find(({ stickyValue, isOpen }) => isOpen && stickyValue === value);
  }

  #keyOf({ head, clientAddress }: Asking): string | undefined {
    const balance = this.#balance;
    if (balance?.method !== "hash") return undefined;
    const { on, name = "" } = balance;
    switch (on) {
      case "path":
        return head.target.split("?", 1)[0];
      case "header":
        return facts.begin(head).value("headers", name);
      case "cookie":
        return facts.begin(head).value("cookies", name);
      case "query":
        return facts.begin(head).value("query", name);
      default:
        return clientAddress;
    }
  }
}

function balancerOf(balance: Balance | undefined, fraction: () => number, ring: () => Ring): Balancer {
  switch (balance?.method) {
    case "random":
      return randomBalancer(fraction);
    case "least-connections":
      return leastConnections;
    case "response-time":
      return responseTimeBalancer(fraction);
    case "hash":
      return hashBalancer(ring);
    default:
      return roundRobin;
  }
}

export function memberOf(
  backend: Backend,
  pool: BackendPool,
  state: Member["state"],
  { id, sticky }: Pick<Upstream, "id" | "sticky">,
): Member {
  const { name = pool.name, weight = 1 } = backend;
  const stickyValue = sticky?.by === "cookie" && id !== undefined ? stickyValueOf(id, name) : undefined;
  return { ...{ backend, pool, state, name, stickyValue }, share: weight, weight, isOpen: true, turn: 0 };
}
