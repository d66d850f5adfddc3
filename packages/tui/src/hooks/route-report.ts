/** All of one route: how a request comes to it, what it serves now, and what it says. Asked anew every two seconds. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, type SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { type Explained, requestFor } from "../screens/explain.ts";
import { type Reading, sampleOf } from "../top/metrics.ts";
import { type RouteCounts, routeCounts } from "../top/route-counts.ts";
import type { RouteTraffic } from "../top/route-traffic.ts";
import { Changes } from "./changes.ts";
import { readMetrics } from "./metrics.ts";
import { POLL_MS } from "./poll.ts";

/** Undefined: it is not known yet. */
export interface RouteFacts {
  readonly route?: RouteView;
  readonly asked?: { readonly method: string; readonly url: string };
  readonly explained?: Explained;
  /** Since the daemon's start, and in the last two seconds. Only for those who may read the metrics. */
  readonly counts?: RouteCounts;
  readonly traffic?: RouteTraffic;
  readonly mayCount: boolean;
  readonly error?: SkerryError;
}

export class RouteReport implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly #client: Client;
  readonly #name: string;
  readonly #project: string;
  readonly #ended = new AbortController();
  facts: RouteFacts = { mayCount: true };
  /** What was explained last. */
  #explained: string | undefined;
  #before: { readonly reading: Reading; readonly ms: number } | undefined;

  constructor(client: Client, name: string, project: string) {
    this.#client = client;
    this.#name = name;
    this.#project = project;
    void this.#follow();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.#look(signal);
      this.changes.note();
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { error: _, ...kept } = this.facts;
    try {
      const named = { params: { name: this.#name }, query: { project: this.#project } };
      const route = await this.#client.call(routeRoutes.get, { ...named, signal });
      this.facts = { ...kept, route };
      await this.#explain(route, signal);
      this.changes.note();
      if (this.facts.mayCount) await this.#count(route.meta.uid, signal);
    } catch (thrown) {
      if (!signal.aborted) this.facts = { ...kept, error: toSkerryError(thrown) };
    }
  }

  /** When it has changed, no oftener: each explanation stands in the audit log. */
  async #explain(route: RouteView, signal: AbortSignal): Promise<void> {
    const { state, reason } = route.status ?? {};
    const now = JSON.stringify([route.meta.revision, state, reason]);
    if (now === this.#explained) return;
    const { asked: _, explained: __, ...kept } = this.facts;
    const asked = requestFor(route);
    const explained = asked && (await this.#client.call(routeRoutes.explain, { body: asked, signal }));
    this.#explained = now;
    this.facts = { ...kept, ...(asked && { asked }), ...(explained && { explained }) };
  }

  async #count(uid: string, signal: AbortSignal): Promise<void> {
    try {
      const reading = await readMetrics(this.#client, signal);
      const ms = performance.now();
      const before = this.#before;
      this.#before = { reading, ms };
      const counts = routeCounts(reading, uid);
      const { traffic: _, ...kept } = this.facts;
      const sample = before && sampleOf(before.reading, reading, (ms - before.ms) / 1000);
      const traffic = sample?.gatewayRoutes.find(({ route }) => route === uid);
      this.facts = { ...kept, counts, ...(traffic && { traffic }) };
    } catch (thrown) {
      if (!isError(thrown, "forbidden")) throw thrown;
      this.facts = { ...this.facts, mayCount: false };
    }
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.changes[Symbol.dispose]();
  }
}
