/** Bounds of how requests are brought to backends, and of what routes make of requests and answers. Part of `LIMITS`. */
import { hour, KiB, MiB, minute, second } from "./units.ts";

export const TRAFFIC_LIMITS = {
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
    /** Requests that are sent to a second backend too, of those that could be, in percent: by default, and at most. Beyond: none is. */
    hedgePercent: 5,
    /** @see hedgePercent */
    maxHedgePercent: 20,
    /** The longest wait before that. */
    maxHedgeMs: 1 * minute,
    /** Backends that one request may ask besides the first. */
    maxHedges: 3,
    /** Answers after which a route's percentile is known; before, nothing is sent twice for it. */
    hedgeAfterAnswers: 100,
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
  /** What a route may say of a canary. Beyond: `invalid`; the last two are how it is looked after. */
  canary: {
    /** Steps. */
    maxSteps: 20,
    /** How long one lasts. */
    maxEveryMs: 24 * hour,
    /** Requests by which it is judged. */
    maxRequests: 1_000_000,
    /** What 95 % of them may take. */
    maxP95Ms: 10 * second,
    /** Time between two looks at it. */
    lookEveryMs: 1 * second,
    /** What was seen of one that did well is put aside after this: old successes must not hide new failures. */
    windowMs: 30 * second,
  },
  /** What routes do besides passing on. Beyond: `invalid`. */
  actions: {
    /** Characters of where a route redirects to. */
    maxRedirect: 2048,
    /** Nodes of the automaton of a pattern that rewrites: so many are looked at for each character at most. */
    maxCaptureNodes: 120,
    /** Characters of a path that a route rewrites to, and groups of the pattern. */
    maxRewrite: 512,
    /** @see maxRewrite */
    maxRewriteGroups: 9,
    /** Bytes of an answer that a route gives itself. */
    maxRespondBytes: 64 * KiB,
    /** Headers that one route sets, adds or removes, of requests and of answers. */
    maxHeaderRules: 32,
    /** Characters of all that one route sets and adds, of requests and of answers. */
    maxHeaderRulesBytes: 8 * KiB,
    /** Bytes of answers that one worker keeps, with their heads. Beyond: the least used go. */
    maxCacheBytes: 64 * MiB,
    /** Answers that it keeps. */
    maxCacheEntries: 20_000,
    /** Answers that it keeps for one URL, by what Vary names. The oldest goes. */
    maxCacheVariants: 8,
    /** Bytes of answers that come and are to be kept. Beyond: they are passed on, and not kept. */
    maxCacheFillBytes: 32 * MiB,
    /** Bytes of those that wait for clients which are slower than the upstream. Beyond: theirs are not kept. */
    maxCacheAheadBytes: 32 * MiB,
    /** Of one that a route may keep, and of one when it says nothing. */
    maxCacheEntryBytes: 16 * MiB,
    /** @see maxCacheEntryBytes */
    usualCacheEntryBytes: 1 * MiB,
    /** Seconds that a route may keep an answer. */
    maxCacheTtl: 30 * 24 * 3600,
    /** Names of headers, and of parameters, that tell answers of a route apart. */
    maxCacheNames: 16,
    /** Requests that wait for the answer to another of the same URL, all together. Beyond: they ask for themselves. */
    maxCollapsed: 1024,
    /** They wait so long, then they ask for themselves. */
    collapseMs: 5 * second,
    /** Requests of one worker that renew what is kept, and for which nobody waits. Beyond: it is renewed later. */
    maxCacheRenewals: 64,
    /** URLs whose last answer was not to be kept: nobody waits for the next one for so long. The oldest is forgotten. */
    maxCachePasses: 4096,
    /** @see maxCachePasses */
    cachePassMs: 10 * second,
    /** Bytes of answers that all workers of a node share, as files. Beyond: the oldest go. */
    maxCommonBytes: 500 * MiB,
    /** Their files, likewise. */
    maxCommonFiles: 100_000,
    /** Bytes of those that one worker writes at once. Beyond: other workers ask for themselves. */
    maxCommonSavingBytes: 32 * MiB,
    /** Projects whose changes one worker has at hand. Beyond: the file of the first is opened again. */
    maxMarkFiles: 256,
    /** Answers that one worker compresses at once, at up to 1 MiB each. Beyond: they go as they are. */
    maxCompressing: 64,
    /** Window of gzip, as a power of two; those of zstd and brotli are four times as large. */
    compressWindowBits: 14,
    /** Bytes that wait in front of a compressor before the upstream is asked to wait, and as many behind. */
    compressBufferBytes: 32 * KiB,
    /** Types of answers that one route compresses. */
    maxCompressTypes: 64,
    /** The largest bound below which answers are left alone. */
    maxCompressMinBytes: 1 * MiB,
    /** Origins of one route's CORS, and each of its lists of names. */
    maxCorsNames: 64,
    /** Seconds that a browser may remember what it may. */
    maxCorsAge: 86_400,
    /** Characters of the name of one. */
    maxHeaderName: 128,
    /** Characters of its value. */
    maxHeaderValue: 2048,
  },
  history: {
    /** Generations of the gateway that are kept of one project. The oldest goes. */
    maxGenerations: 200,
    /** Bytes of what one project's generations keep, about. Beyond: the oldest go, but for the newest. */
    maxBytes: 1 * MiB,
    /** Largest spec that is kept as it was. Of a larger one, a long list of networks, is kept that it was another. */
    maxKeptBytes: 256 * KiB,
    /** Characters of one field of a spec that are told of a change. The rest is cut. */
    maxToldLength: 32 * KiB,
    /** What one change takes besides what it keeps, about. */
    changeBytes: 256,
    /** Generations that go with one change; the rest with the next. */
    maxForgottenAtOnce: 64,
    /** Resources that one preview or rollback changes. Beyond: `invalid/too-large`. */
    maxChanges: 100,
    /** Requests that a preview is given, and those of the access log that it looks at: so many distinct ones. */
    maxSamples: 1000,
    /** Requests that are told of, of those that change. The others are counted. */
    maxTold: 100,
  },
} as const;
