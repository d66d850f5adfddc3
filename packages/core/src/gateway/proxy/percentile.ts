/** What part of some durations was not longer than so long, of late: counts in buckets, which fade as new ones come. */
import { latencyBucketOf, ROUTE_LATENCY_MS, routeBucketOf } from "./latency.ts";

/** When so many are counted each count is halved. */
const FADE_AFTER = 2000;

export class RecentDurations {
  readonly #counts = new Float64Array(ROUTE_LATENCY_MS.length + 1);
  #sum = 0;
  /** All that ever came. */
  seen = 0;

  observe(ms: number): void {
    const bucket = routeBucketOf(latencyBucketOf(ms));
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.seen++;
    if (++this.#sum < FADE_AFTER) return;
    this.#sum = 0;
    for (const [at, count] of this.#counts.entries()) {
      this.#counts[at] = count / 2;
      this.#sum += count / 2;
    }
  }

  /** At least `part` (0 to 1) of them did not take longer; up to a tenth too long. 0: there are none. */
  below(part: number): number {
    let left = this.#sum * part;
    if (this.#sum === 0) return 0;
    for (const [at, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 1e-9) return ROUTE_LATENCY_MS[at] ?? (ROUTE_LATENCY_MS.at(-1) as number);
    }
    return ROUTE_LATENCY_MS.at(-1) as number;
  }
}
