/** Requests that are being served, of routes that bound them. */
import { addressKey } from "../../domain/addresses.ts";
import type { RouteLimits } from "../../domain/route-limits.ts";

/** What a request holds until it has ended: of the route, and of its client there. */
export interface Held {
  readonly route: string;
  readonly client: string;
}

export class InFlight {
  /** No more of them than there are requests in flight. */
  readonly #counts = new Map<string, number>();
  readonly #workers: number;

  /** `workers`: how many share what a route takes. */
  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Which of the two is full; else what is held, where anything is. */
  take(id: string, { inFlight, inFlightPerClient }: RouteLimits, ip: string): Held | "route" | "client" {
    const route = inFlight === undefined ? "" : id;
    const client = inFlightPerClient === undefined ? "" : `${id} ${addressKey(ip)}`;
    const share = Math.ceil((inFlight ?? 0) / this.#workers);
    if (route !== "" && this.#of(route) >= share) return "route";
    if (client !== "" && this.#of(client) >= (inFlightPerClient as number)) return "client";
    this.#add(route, 1);
    this.#add(client, 1);
    return { route, client };
  }

  release({ route, client }: Held): void {
    this.#add(route, -1);
    this.#add(client, -1);
  }

  #of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  #add(key: string, change: number): void {
    if (key === "") return;
    const count = this.#of(key) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
