/** Whether a canary does well, by what was seen of it and of the others in the same time. Pure. */
import type { Canary } from "../../domain/route-canary.ts";
import { latencyMs } from "../proxy/route-counts.ts";

/** Of requests that have ended. */
export interface Seen {
  readonly requests: number;
  readonly failed: number;
  /** Counts by `ROUTE_LATENCY_MS`. */
  readonly latency: readonly number[];
}

export interface Verdict {
  /** `unsure`: it stays as it is. */
  readonly kind: "good" | "bad" | "unsure";
  /** In words, for people. */
  readonly why: string;
}

/** Standard deviations by which the canary must be worse than others that are beyond the limit, too: chance makes 3 of 2000. */
const CLEARLY = 3;

export function judge({ maxErrorPercent, maxP95Ms, minRequests }: Canary, own: Seen, others: Seen): Verdict {
  if (own.requests < minRequests) {
    return { kind: "unsure", why: `${own.requests} of ${minRequests} requests by which it is judged` };
  }
  const [rate, otherRate] = [percentOf(own), percentOf(others)];
  const failed = `${shown(rate)} % of ${own.requests} requests failed`;
  if (rate > maxErrorPercent) {
    const theirs = `${shown(otherRate)} % of ${others.requests} of the others`;
    // What fails everywhere is not the canary's doing.
    if (otherRate <= maxErrorPercent || isClearlyWorse(own, others)) {
      return { kind: "bad", why: `${failed}, ${shown(maxErrorPercent)} % may; ${theirs}` };
    }
    return { kind: "unsure", why: `${failed}, and ${theirs}: it is not the canary's doing` };
  }
  if (maxP95Ms === undefined) return { kind: "good", why: failed };
  const [p95, otherP95] = [latencyMs(own.latency, 0.95), latencyMs(others.latency, 0.95)];
  const slow = `95 % took up to ${shown(p95)} ms, ${maxP95Ms} ms may be`;
  if (p95 <= maxP95Ms) return { kind: "good", why: `${failed}, 95 % took up to ${shown(p95)} ms` };
  if (otherP95 <= maxP95Ms) return { kind: "bad", why: `${slow}; the others ${shown(otherP95)} ms` };
  return { kind: "unsure", why: `${slow}, and the others ${shown(otherP95)} ms: it is not the canary's doing` };
}

function percentOf({ requests, failed }: Seen): number {
  return requests === 0 ? 0 : (100 * failed) / requests;
}

/** Of two proportions (the z-test). */
function isClearlyWorse(own: Seen, others: Seen): boolean {
  const pooled = (own.failed + others.failed) / (own.requests + others.requests);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / own.requests + 1 / others.requests));
  return own.failed / own.requests - others.failed / others.requests > CLEARLY * deviation;
}

function shown(value: number): string {
  return value === Number.POSITIVE_INFINITY ? "10000+" : String(Number(value.toPrecision(3)));
}

/** What came to `now` since `before`. */
export function since(now: Seen, before: Seen): Seen {
  // It was away for a while: what is there has come since.
  if (now.requests < before.requests) return now;
  return {
    requests: now.requests - before.requests,
    failed: now.failed - before.failed,
    latency: now.latency.map((count, at) => count - (before.latency[at] ?? 0)),
  };
}

export function sumOf(all: readonly Seen[]): Seen {
  return all.reduce(
    (sum, one) => ({
      requests: sum.requests + one.requests,
      failed: sum.failed + one.failed,
      latency: one.latency.map((count, at) => count + (sum.latency[at] ?? 0)),
    }),
    NOTHING,
  );
}

export const NOTHING: Seen = { requests: 0, failed: 0, latency: [] };
