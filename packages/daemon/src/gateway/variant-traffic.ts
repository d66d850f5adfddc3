/** What all workers together have served of each variant of routes that are split. Workers tell what is new, by `uid/variant`. */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Family, Metrics } from "@skerry/core/domain/telemetry.ts";
import type { Seen } from "@skerry/core/gateway/canary/judge.ts";
import type { RouteNews } from "@skerry/core/gateway/proxy/route-counts.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { add, BOUNDS, emptySum, type Sum } from "./route-traffic.ts";
import { CLASSES } from "./traffic-families.ts";

type Labels = Readonly<Record<"route" | "variant", string>>;

export class VariantTraffic {
  readonly #entryOf: (uid: string) => TableEntry | undefined;
  /** By uid, then variant, in the order of their first requests: the first ones have rows of their own. */
  readonly #sums = new Map<string, Map<string, Sum>>();

  /** `entryOf`: what a route is compiled to now. */
  constructor(metrics: Metrics, entryOf: (uid: string) => TableEntry | undefined) {
    this.#entryOf = entryOf;
    const name = (end: string) => `skerry_gateway_variant_${end}`;
    const labels = ["route", "variant"];
    const answers = "Answers to clients of a variant of a route that is split, by the route's uid.";
    const most = LIMITS.metrics.maxLabelSets * CLASSES.length;
    metrics.family("counter", name("requests_total"), answers, [...labels, "class"], () => this.#byClass(), most);
    const failures = "Of them, those with a status of the upstream from 500 on, or without its answer.";
    metrics.family("counter", name("failures_total"), failures, labels, () =>
      this.#all().map(([of, { failed }]) => [of, failed]),
    );
    const times = "Time from the head of a request to the end of its answer, without tunnels.";
    metrics.distributions(name("request_duration_seconds"), times, BOUNDS, labels, () =>
      this.#all().map(([of, { latency, latencySumMs }]) => [of, { counts: latency, sum: latencySumMs / 1000 }]),
    );
  }

  onNews(news: Readonly<Record<string, RouteNews>>): void {
    for (const [key, told] of Object.entries(news)) {
      const [uid = "", variant] = key.split("/");
      // It has gone meanwhile: nobody would ever forget it.
      if (variant === undefined || !this.#isKnown(uid, variant)) continue;
      const variants = this.#sums.get(uid) ?? new Map<string, Sum>();
      const sum = variants.get(variant) ?? emptySum();
      this.#sums.set(uid, variants.set(variant, sum));
      add(sum, told);
    }
  }

  /** Since the daemon's start; undefined: nothing. */
  of(uid: string, variant: string): Sum | undefined {
    return this.#isKnown(uid, variant) ? this.#sums.get(uid)?.get(variant) : undefined;
  }

  /** The same, as canaries are judged by it. */
  seen(uid: string, variant: string): Seen | undefined {
    const sum = this.of(uid, variant);
    if (sum === undefined) return undefined;
    return { requests: requestsIn(sum), failed: sum.failed, latency: [...sum.latency] };
  }

  #isKnown(uid: string, variant: string): boolean {
    return this.#entryOf(uid)?.split?.variants.some(({ name }) => name === variant) === true;
  }

  /** Those that are gone go. */
  #all(): [of: Labels, sum: Sum][] {
    for (const [route, variants] of this.#sums) {
      for (const variant of variants.keys()) if (!this.#isKnown(route, variant)) variants.delete(variant);
      if (variants.size === 0) this.#sums.delete(route);
    }
    return [...this.#sums].flatMap(([route, variants]) =>
      [...variants].map(([variant, sum]): [Labels, Sum] => [{ route, variant }, sum]),
    );
  }

  #byClass(): Family {
    return this.#all().flatMap(([of, { byClass }]) =>
      CLASSES.flatMap((each, at) =>
        (byClass[at] ?? 0) === 0 ? [] : [[{ ...of, class: each }, byClass[at] ?? 0] as const],
      ),
    );
  }
}

/** Without clients that went away before they had an answer. */
function requestsIn({ byClass: [, ...answered] }: Sum): number {
  return answered.reduce((all, count) => all + count, 0);
}
