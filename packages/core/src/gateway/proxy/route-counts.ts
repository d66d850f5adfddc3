/** What a worker counts of each route: plain numbers, of which it tells now and then what has come to them. */
import { latencyBucketOf, ROUTE_LATENCY_MS, routeBucketOf } from "./latency.ts";

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
    };
    this.#isListed = false;
    this.#byClass.fill(0);
    this.#latency.fill(0);
    this.#bytesIn = 0;
    this.#bytesOut = 0;
    this.#latencySumMs = 0;
    this.#errors = undefined;
    return news;
  }
}

export class RouteCounts {
  readonly #byId = new Map<string, RouteCount>();
  readonly #changed: RouteCount[] = [];

  /** Made when it is not known yet. */
  of(id: string): RouteCount {
    let count = this.#byId.get(id);
    if (count === undefined) {
      count = new RouteCount(id, this.#changed);
      this.#byId.set(id, count);
    }
    return count;
  }

  /** These routes are gone. Requests that are under way count nowhere any more. */
  forget(ids: readonly string[]): void {
    for (const id of ids) this.#byId.delete(id);
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
