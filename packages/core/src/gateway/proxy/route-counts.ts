/** What a worker counts of each route: plain numbers, of which it tells now and then what has come to them. */
import type { RoutesChange } from "../upstreams/registry.ts";
import { latencyBucketOf, ROUTE_LATENCY_MS, routeBucketOf } from "./latency.ts";

/** So long took `share` (0 to 1) of what is in the buckets at most; 0: nothing is. */
export function latencyMs(counts: ArrayLike<number>, share: number): number {
  let all = 0;
  for (let at = 0; at <= ROUTE_LATENCY_MS.length; at++) all += counts[at] ?? 0;
  if (all === 0) return 0;
  let seen = 0;
  for (let at = 0; at < ROUTE_LATENCY_MS.length; at++) {
    seen += counts[at] ?? 0;
    if (seen >= share * all) return ROUTE_LATENCY_MS[at] as number;
  }
  return Number.POSITIVE_INFINITY;
}

/** What came to the counts of a route since it was told last; but `inFlight`, which is as it is now. Crosses the pipe as JSON. */
export interface RouteNews {
  /** As `ProxyStats.byClass`. */
  readonly byClass: readonly number[];
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly inFlight: number;
  readonly latencySumMs: number;
  /** By `ROUTE_LATENCY_MS`, those that are not zero: `[bucket, count, bucket, count, ...]`. */
  readonly latency: readonly number[];
  readonly errors: Readonly<Record<string, number>>;
  /** Answers of the upstream from 500 on, and what the gateway said, or cut, because of it. */
  readonly failed: number;
}

/** Of a `RequestRecord`. */
interface Ended {
  readonly status: number;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly error: string | undefined;
}

/** Of one route. The first request after it was told puts it on the list of those that have news. */
export class RouteCount {
  readonly id: string;
  readonly #changed: RouteCount[];
  #isListed = false;
  #inFlight = 0;
  readonly #byClass = [0, 0, 0, 0, 0, 0];
  #bytesIn = 0;
  #bytesOut = 0;
  #latencySumMs = 0;
  readonly #latency = new Uint32Array(ROUTE_LATENCY_MS.length + 1);
  #errors: Record<string, number> | undefined;
  #failed = 0;

  constructor(id: string, changed: RouteCount[]) {
    this.id = id;
    this.#changed = changed;
  }

  /** A request has been found to be its own. `end` follows. */
  begin(): void {
    this.#inFlight++;
    this.#list();
  }

  /** `bucket`: of `LATENCY_MS`. */
  end(record: Ended, bucket = latencyBucketOf(record.durationMs)): void {
    const { status, durationMs, error } = record;
    this.#inFlight--;
    this.#list();
    if (isFailure(status, error)) this.#failed++;
    const digit = Math.floor(status / 100);
    this.#byClass[digit] = (this.#byClass[digit] ?? 0) + 1;
    this.#bytesIn += record.bytesIn;
    this.#bytesOut += record.bytesOut;
    if (error !== undefined) {
      this.#errors ??= {};
      this.#errors[error] = (this.#errors[error] ?? 0) + 1;
    }
    // A tunnel's hours are no latency.
    if (status === 101) return;
    this.#latencySumMs += durationMs;
    const wide = routeBucketOf(bucket);
    this.#latency[wide] = (this.#latency[wide] as number) + 1;
  }

  #list(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    this.#changed.push(this);
  }

  /** Begins anew, but for what is in flight. */
  take(): RouteNews {
    const latency: number[] = [];
    for (const [bucket, count] of this.#latency.entries()) if (count > 0) latency.push(bucket, count);
    const news = {
      ...{ byClass: [...this.#byClass], bytesIn: this.#bytesIn, bytesOut: this.#bytesOut },
      ...{ inFlight: this.#inFlight, latencySumMs: this.#latencySumMs, latency, errors: this.#errors ?? {} },
      failed: this.#failed,
    };
    this.#isListed = false;
    this.#byClass.fill(0);
    this.#latency.fill(0);
    this.#bytesIn = 0;
    this.#bytesOut = 0;
    this.#latencySumMs = 0;
    this.#errors = undefined;
    this.#failed = 0;
    return news;
  }
}

/** Of a request that went on to an upstream: what is not the client's doing is the upstream's. */
function isFailure(status: number, error: string | undefined): boolean {
  if (error === undefined) return status >= 500;
  return error !== "aborted" && !error.startsWith("invalid");
}

export class RouteCounts {
  /** Of routes, and of variants: `uid/variant`. */
  readonly #byId = new Map<string, RouteCount>();
  readonly #changed: RouteCount[] = [];
  /** Of routes that are split: their variants. */
  readonly #variants = new Map<string, Map<string, RouteCount>>();

  /** Made when it is not known yet. */
  of(id: string): RouteCount {
    let count = this.#byId.get(id);
    if (count === undefined) {
      count = new RouteCount(id, this.#changed);
      this.#byId.set(id, count);
    }
    return count;
  }

  /** Of a variant of a route: told as `uid/variant`. */
  ofVariant(id: string, variant: string): RouteCount {
    const known = this.#variants.get(id) ?? new Map<string, RouteCount>();
    const found = known.get(variant);
    if (found !== undefined) return found;
    const made = this.of(`${id}/${variant}`);
    this.#variants.set(id, known.set(variant, made));
    return made;
  }

  /** Routes and variants that are gone. Requests that are under way count nowhere any more. */
  forget({ put, remove }: RoutesChange): void {
    for (const id of remove) {
      this.#byId.delete(id);
      this.#forgetVariants(id, []);
    }
    for (const { id, split } of put) this.#forgetVariants(id, split?.variants ?? []);
  }

  #forgetVariants(id: string, kept: readonly { readonly name: string }[]): void {
    const known = this.#variants.get(id);
    for (const [name, count] of known ?? []) {
      if (kept.some((one) => one.name === name)) continue;
      known?.delete(name);
      this.#byId.delete(count.id);
    }
    if (known?.size === 0) this.#variants.delete(id);
  }

  /** What has not been told, of so many routes at most: those that have waited longest. */
  news(most: number): Record<string, RouteNews> {
    const told: Record<string, RouteNews> = {};
    let looked = 0;
    let left = most;
    for (const count of this.#changed) {
      if (left === 0) break;
      looked++;
      const news = count.take();
      if (this.#byId.get(count.id) !== count) continue;
      told[count.id] = news;
      left--;
    }
    this.#changed.splice(0, looked);
    return told;
  }
}
