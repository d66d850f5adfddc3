/** How long each part of a request may take: as its route says, else as the limits. */
import type { RouteTimeouts } from "../../domain/route-delivery.ts";

export type Times = Required<RouteTimeouts>;

interface UsualTimes {
  readonly connectionMs: number;
  readonly upstreamHeadMs: number;
  readonly upstreamBodyIdleMs: number;
}

export class RouteTimes {
  /** Of routes that say nothing. */
  readonly usual: Times;
  readonly #made = new WeakMap<RouteTimeouts, Times>();

  constructor({ connectionMs, upstreamHeadMs, upstreamBodyIdleMs }: UsualTimes) {
    this.usual = {
      ...{ connectMs: connectionMs, headMs: upstreamHeadMs, bodyMs: upstreamBodyIdleMs },
      totalMs: Number.POSITIVE_INFINITY,
    };
  }

  /** Made once for each route. */
  of(timeouts: RouteTimeouts | undefined): Times {
    if (timeouts === undefined) return this.usual;
    let times = this.#made.get(timeouts);
    if (times === undefined) {
      times = { ...this.usual, ...timeouts };
      this.#made.set(timeouts, times);
    }
    return times;
  }
}
