/** What each route of the gateway serves, measured every two seconds: the busiest first. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Traffic as Together } from "../top/metrics.ts";
import type { RouteTraffic } from "../top/route-traffic.ts";
import { Changes } from "./changes.ts";
import type { Phase } from "./collection.ts";
import { measure, readMetrics } from "./metrics.ts";

const EVERY_MS = 2000;
/** Measurements that a row remembers; one without a request in all of them goes. */
const REMEMBERED = 30;

export interface TrafficRow extends RouteTraffic {
  /** Requests a second, the newest last. */
  readonly history: readonly number[];
}

export class Traffic implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly hasMore = false;
  readonly #client: Client;
  readonly #nowMs: () => number;
  readonly #ended = new AbortController();
  #items: readonly TrafficRow[] = [];
  #together: Together | undefined;
  #phase: Phase = { state: "loading" };

  constructor({ client, nowMs }: { readonly client: Client; readonly nowMs: () => number }) {
    this.#client = client;
    this.#nowMs = nowMs;
    void this.#follow();
  }

  get phase(): Phase {
    return this.#phase;
  }

  get items(): readonly TrafficRow[] {
    return this.#items;
  }

  get summary(): string | undefined {
    if (this.#together === undefined) return undefined;
    const { perSecond, p50Ms, p95Ms, p99Ms } = this.#together;
    const times = p50Ms === undefined ? "" : `, p50 ${figure(p50Ms)} p95 ${figure(p95Ms)} p99 ${figure(p99Ms)} ms`;
    return `${figure(perSecond)}/s${times}`;
  }

  more(): void {}

  /** It asks by itself. */
  refresh(): Promise<void> {
    return Promise.resolve();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        const first = await readMetrics(this.#client, signal);
        for await (const one of measure(this.#client, first, EVERY_MS, signal)) {
          if ("error" in one) this.#fail(one.error);
          else {
            this.#together = one.sample.gateway;
            this.#items = rowsAfter(this.#items, one.sample.gatewayRoutes);
            this.#set({ state: "live" });
          }
        }
      } catch (thrown) {
        if (signal.aborted) return;
        this.#fail(toSkerryError(thrown));
        if (this.#phase.state === "failed") return;
        await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #fail(error: SkerryError): void {
    this.#together = undefined;
    if (error.code !== "unavailable") {
      this.#items = [];
      this.#set({ state: "failed", error });
    } else if (this.#phase.state !== "stale") this.#set({ state: "stale", sinceMs: this.#nowMs(), error });
  }

  #set(phase: Phase): void {
    this.#phase = phase;
    this.changes.note();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.changes[Symbol.dispose]();
  }
}

/** Those that were asked now, the busiest first, then those that were asked a little ago. */
export function rowsAfter(before: readonly TrafficRow[], now: readonly RouteTraffic[]): readonly TrafficRow[] {
  const idOf = ({ uid, route }: RouteTraffic) => uid ?? route;
  const histories = new Map(before.map((row) => [idOf(row), row.history]));
  const asked = new Set(now.map(idOf));
  const next = (row: RouteTraffic): TrafficRow => {
    const history = [...(histories.get(idOf(row)) ?? []), row.perSecond].slice(-REMEMBERED);
    return { ...row, history };
  };
  const none = { perSecond: 0, errorsPerSecond: 0, p50Ms: undefined, p95Ms: undefined, p99Ms: undefined };
  const idle = before.filter((row) => !asked.has(idOf(row))).map((row) => next({ ...row, ...none }));
  return [...now.map(next), ...idle.filter(({ history }) => history.some((perSecond) => perSecond > 0))];
}

/** With as many digits as say something. */
export function figure(value: number | undefined): string {
  if (value === undefined) return "-";
  return value >= 100 ? `${Math.round(value)}` : value.toFixed(1);
}
