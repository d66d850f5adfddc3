/** Buckets of durations from a tenth of a millisecond to ten seconds, each a little wider than the one before. */

const FIRST_MS = 0.1;
/** Of two buckets. */
const GROWTH = 1.1;
const BOUNDS = 243;

/**
 * Upper bounds; one more bucket holds what is slower than the last. Wherever in its bucket a duration is taken to be, that is
 * wrong by less than 5 %.
 */
export const LATENCY_MS: readonly number[] = Array.from({ length: BOUNDS }, (_, n) =>
  Number((FIRST_MS * GROWTH ** (n / 2)).toPrecision(4)),
);

/** Every second of them: there are many routes. Whoever takes the middle of a bucket is wrong by less than 5 %. */
export const ROUTE_LATENCY_MS: readonly number[] = LATENCY_MS.filter((_, at) => at % 2 === 0);

const PER_POWER = 2 / Math.log(GROWTH);

/** The first one whose bound it keeps. The bounds are rounded: what is beside one may be a bucket off at first. */
export function latencyBucketOf(ms: number): number {
  if (ms <= FIRST_MS) return 0;
  const bucket = Math.min(Math.ceil(Math.log(ms / FIRST_MS) * PER_POWER), BOUNDS);
  if (ms <= (LATENCY_MS[bucket - 1] as number)) return bucket - 1;
  return bucket < BOUNDS && ms > (LATENCY_MS[bucket] as number) ? bucket + 1 : bucket;
}

/** The one of `ROUTE_LATENCY_MS` that a bucket is in. */
export function routeBucketOf(bucket: number): number {
  return (bucket + 1) >> 1;
}
