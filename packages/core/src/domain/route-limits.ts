/** How much a route takes. Plain rules; `gateway/guard` carries them out. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { day, hour, minute, second } from "./units.ts";

/** A token bucket: `burst` requests at once, and `requests` more in each `per`. */
export interface RateRule {
  /** Who has a bucket of his own: `ip` (of IPv6 the /64), `header:NAME` (each value), `route` and `project` (one for all). */
  readonly by: string;
  readonly requests: number;
  /** `10s`, `1m`, `1h`, `1d`. */
  readonly per: string;
  /** Absent: as `requests`. */
  readonly burst?: number;
}

/** Who is refused first when a worker has too much to do. */
export const PRIORITIES = ["low", "normal", "high"] as const;
export type RoutePriority = (typeof PRIORITIES)[number];

export interface RouteLimits {
  /** All of them hold. Beyond: 429 `exhausted/rate`. */
  readonly rate?: readonly RateRule[];
  /** Requests that are being served at once. Each worker takes its share. Beyond: 503 `exhausted/overload`. */
  readonly inFlight?: number;
  /** Of them, those of one client (of IPv6 the /64), in each worker. Beyond: 429 `exhausted/rate`. */
  readonly inFlightPerClient?: number;
  /** Beyond: 413 `invalid/too-large`. */
  readonly maxBodyBytes?: number;
  /** Bytes of the request's line, Host and those headers that are passed on. Beyond: 431 `invalid/headers`. */
  readonly maxHeaderBytes?: number;
}

/** The numbers among them, with the most that each may be. */
const COUNTS = {
  inFlight: LIMITS.proxy.maxInFlight,
  inFlightPerClient: LIMITS.proxy.maxInFlight,
  maxBodyBytes: Number.MAX_SAFE_INTEGER,
  maxHeaderBytes: LIMITS.proxy.maxHeadBytes,
} as const;

const UNITS = { s: second, m: minute, h: hour, d: day } as const;
const HEADER = /^header:[!#$%&'*+\-.^`|~0-9A-Za-z]{1,64}$/;
const { maxRateRules, maxRateRequests } = LIMITS.guard;

/** One spelling for what means the same. Undefined when nothing is limited. @throws `invalid`. */
export function canonicalLimits(limits: RouteLimits): RouteLimits | undefined {
  const { rate = [] } = limits;
  const counts: Record<string, number> = {};
  for (const [field, most] of Object.entries(COUNTS)) {
    const count = limits[field as keyof typeof COUNTS];
    if (count === undefined) continue;
    // No body at all may be meant; nothing else makes sense as 0.
    const least = field === "maxBodyBytes" ? 0 : 1;
    if (!Number.isInteger(count) || count < least || count > most)
      throw refuse(`limits.${field}`, `${field} is a whole number from ${least} to ${most}, not ${count}.`);
    counts[field] = count;
  }
  if (rate.length > maxRateRules) throw refuse("limits.rate", `A route has ${maxRateRules} rates at most.`);
  const rules = rate.map(canonicalRule);
  const names = rules.map(rateName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw refuse("limits.rate", `The rate ${JSON.stringify(twice)} is said twice.`);
  if (rules.length === 0 && Object.keys(counts).length === 0) return undefined;
  return { ...(rules.length === 0 ? {} : { rate: rules }), ...counts };
}

/** What clients are told it is called: `ip-1m`, `header-x-key-1h`. */
export function rateName({ by, per }: RateRule): string {
  return `${by.replace(":", "-")}-${per}`;
}

/** In milliseconds. @throws `invalid`. */
export function durationMs(text: string): number {
  const match = /^([1-9]\d{0,5})([smhd])$/.exec(text);
  const unit = UNITS[match?.[2] as keyof typeof UNITS];
  const ms = Number(match?.[1]) * unit;
  if (ms <= day) return ms;
  throw refuse("limits.rate", `${JSON.stringify(text)} is no time for a rate.`, "Like 10s, 1m or 1h; a day at most.");
}

/** The greatest unit that says it as a whole number. */
function canonicalDuration(text: string): string {
  const ms = durationMs(text);
  const units = (["d", "h", "m", "s"] as const).filter((unit) => ms % UNITS[unit] === 0);
  const unit = units[0] ?? "s";
  return `${ms / UNITS[unit]}${unit}`;
}

function canonicalRule({ by, requests, per, burst }: RateRule): RateRule {
  if (!["ip", "route", "project"].includes(by) && !HEADER.test(by)) {
    const message = `${JSON.stringify(by.slice(0, 80))} is not what a rate can be counted by.`;
    throw refuse("limits.rate", message, "Like ip, route, project or header:X-Api-Key.");
  }
  for (const [what, count = 1] of [["requests", requests] as const, ["burst", burst] as const]) {
    if (Number.isInteger(count) && count >= 1 && count <= maxRateRequests) continue;
    throw refuse("limits.rate", `A rate has 1 to ${maxRateRequests} ${what}, not ${count}.`);
  }
  const shown = { by: by.toLowerCase(), requests, per: canonicalDuration(per) };
  return burst === undefined || burst === requests ? shown : { ...shown, burst };
}

function refuse(field: string, message: string, hint?: string): SkerryError {
  return new SkerryError("invalid", message, { ...(hint === undefined ? {} : { hint }), details: { field } });
}
