/** The rates of routes in a worker: who has which bucket, and what clients are told of it. */
import { SkerryError } from "../../domain/errors.ts";
import { address, readAddress } from "../../domain/networks.ts";
import { durationMs, type RateRule, type RouteLimits, rateName } from "../../domain/route-limits.ts";
import { Facts } from "../routing/asked.ts";
import { type HashKey, hash, hashText, hashWords, keyFor } from "./keyed-hash.ts";
import type { RateTable } from "./rate-table.ts";

/** What a rate is counted for. */
export interface RatedRequest {
  readonly method: string;
  readonly host: string;
  readonly target: string;
  readonly lines: string;
}

export interface RateOwner {
  /** Uid of the route, and of its project. */
  readonly id: string;
  readonly project?: string;
}

/** A rule, ready to be asked. */
interface Rate {
  readonly by: "ip" | "header" | "shared";
  readonly header: string;
  /** Under which its keys are hashed: they are those of no other rule. */
  readonly key: HashKey;
  /** Time that one request fills. */
  readonly oneMs: number;
  /** Time in which an empty bucket is full. */
  readonly allMs: number;
  readonly name: string;
}

export interface Rates {
  readonly all: readonly Rate[];
  /** The header line that says them. */
  readonly policyLine: string;
}

/** `secret`: the same in all workers of a node. */
export function prepareRates({ rate = [] }: RouteLimits, owner: RateOwner, secret: HashKey): Rates {
  const all = rate.map((rule) => prepare(rule, owner, secret));
  const policies = rate.map((rule) => `"${rateName(rule)}";q=${rule.requests};w=${durationMs(rule.per) / 1000}`);
  return { all, policyLine: `RateLimit-Policy: ${policies.join(", ")}\r\n` };
}

function prepare(rule: RateRule, { id, project = id }: RateOwner, secret: HashKey): Rate {
  const { by, requests, per, burst = requests } = rule;
  const oneMs = durationMs(per) / requests;
  // Routes of a project that say the same share a bucket; a rule that changes has another.
  const scope = `${by === "project" ? project : id} ${by} ${requests}/${per} ${burst}`;
  const header = by.startsWith("header:") ? by.slice("header:".length) : "";
  return {
    by: by === "ip" ? "ip" : header === "" ? "shared" : "header",
    ...{ header, oneMs, allMs: oneMs * burst, name: rateName(rule), key: keyFor(secret, scope) },
  };
}

const facts = new Facts();
/** Of the rules that are being asked; reused. */
const highs: number[] = [];
const lows: number[] = [];
const emptyMs: number[] = [];
/** Numbers that are not whole add up to a bit more or less than they should. */
const NEARLY_MS = 1e-6;

/** Header lines for the answer, or the refusal with them. */
export interface Verdict {
  readonly lines: string;
  readonly error: SkerryError | undefined;
}

/** Takes a request from the buckets of all rules, or from none. */
export function admit(rates: Rates, table: RateTable, request: RatedRequest, ip: string, nowMs: number): Verdict {
  let waitMs = 0;
  for (let i = 0; i < rates.all.length; i++) {
    const rate = rates.all[i] as Rate;
    hashFor(rate, request, ip);
    highs[i] = hash.high;
    lows[i] = hash.low;
    const missing = table.emptyMs(hash.high, hash.low, nowMs);
    emptyMs[i] = missing;
    waitMs = Math.max(waitMs, missing + rate.oneMs - rate.allMs);
  }
  const isRefused = waitMs > NEARLY_MS;
  let limits = "";
  for (let i = 0; i < rates.all.length; i++) {
    const rate = rates.all[i] as Rate;
    let missing = emptyMs[i] as number;
    if (!isRefused) {
      table.spend(highs[i] as number, lows[i] as number, rate.oneMs, nowMs);
      missing += rate.oneMs;
    }
    const left = Math.max(0, Math.floor((rate.allMs - missing + NEARLY_MS) / rate.oneMs));
    limits += `${limits === "" ? "" : ", "}"${rate.name}";r=${left};t=${Math.ceil(missing / 1000)}`;
  }
  return { lines: `${rates.policyLine}RateLimit: ${limits}\r\n`, error: isRefused ? tooMany(waitMs) : undefined };
}

/** Those without the header share a bucket: to leave it out is no way around it. */
function hashFor({ by, header, key }: Rate, request: RatedRequest, ip: string): void {
  if (by === "shared") hashWords(key, 0, 0, 0);
  else if (by === "header") hashText(key, facts.begin(request).value("headers", header) ?? "");
  else if (!readAddress(ip)) hashText(key, ip);
  // Whoever has one address of IPv6 has its /64.
  else if (address.isV4) hashWords(key, 4, address.words[0] as number, 0);
  else hashWords(key, 6, address.words[0] as number, address.words[1] as number);
}

/** One for each number of seconds: refusals are many. */
const errors: (SkerryError | undefined)[] = [];
const MAX_ERRORS = 60;

function tooMany(waitMs: number): SkerryError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const known = errors[seconds];
  if (known !== undefined) return known;
  const error = new SkerryError("exhausted/rate", "You have made more requests than this route takes of you.", {
    retryAfterMs: seconds * 1000,
    hint: `Try again in ${seconds} s; the headers RateLimit and RateLimit-Policy say how much is taken.`,
  });
  if (seconds <= MAX_ERRORS) errors[seconds] = error;
  return error;
}
