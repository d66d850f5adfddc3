/** Bounds of what routes and upstreams say about backends that are slow, dead or flaky. Part of `LIMITS`. */
import { hour, KiB, MiB, minute, second } from "./units.ts";

export const DELIVERY_LIMITS = {
  /** What a route may say of how requests are brought to its upstream. Beyond: `invalid`. */
  delivery: {
    /** The shortest timeout: they are looked at now and then. */
    minTimeoutMs: 50,
    /** The longest until there is a connection. */
    maxConnectMs: 10 * second,
    /** The longest of the others. */
    maxTimeoutMs: 24 * hour,
    /** Times that a request is sent again at most. */
    maxRetries: 10,
    /** Requests that are sent again, of those that have come, in percent: by default, and at most. Beyond: the failure is the answer. */
    budgetPercent: 10,
    /** @see budgetPercent */
    maxBudgetPercent: 100,
    /** The first pause before that is not longer; the ones after it may be twice the one before. By default, and at most. */
    backoffMs: 25,
    /** @see backoffMs */
    maxBackoffMs: 10 * second,
    /** Requests that may be sent again before others have come; these pay for it. */
    lentRetries: 3,
    /** Requests that may be sent again at once after many have come. */
    maxSavedRetries: 100,
    /** A route that may send none again is lent one after this. */
    lendRetryEveryMs: 10 * second,
    /** Routes whose budgets one worker remembers. The oldest is forgotten. */
    maxBudgets: 10_000,
    /** Bytes of a request's body that are kept to be sent again. Beyond: it is sent once. */
    maxKeptBodyBytes: 64 * KiB,
    /** Bytes of all bodies that one worker keeps so, likewise. */
    maxKeptBytes: 16 * MiB,
  },
  /** What an upstream may say about backends that fail. Beyond: `invalid`, but for ejections: they grow no longer. */
  care: {
    /** Ejections in a row that make the next one longer. */
    maxEjections: 10,
    /** The longest one, and the longest first one. */
    maxEjectedMs: 5 * minute,
    /** The longest window of a breaker. */
    maxWindowMs: 10 * minute,
    /** The longest time that one is open. */
    maxOpenMs: 1 * hour,
    /** The shortest pause between two probes of one backend. */
    minIntervalMs: 500,
    /** The longest. */
    maxIntervalMs: 1 * hour,
    /** The longest time that a probe may take. */
    maxProbeMs: 1 * minute,
    /** The longest time in which the weight of a backend grows. */
    maxSlowStartMs: 1 * hour,
  },
} as const;
