/** What a route says of how requests are brought to what it leads to, from flags. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Flags } from "../command.ts";

type Retries = NonNullable<RouteView["spec"]["retries"]>;
type Hedge = NonNullable<RouteView["spec"]["hedge"]>;
type Timeouts = NonNullable<RouteView["spec"]["timeouts"]>;

export const DELIVERY_OPTIONS = {
  timeout: {
    type: "array",
    describe: "connect=2s, head=30s, body=30s or total=2m: 504 beyond (again for more); default: as usual",
  },
  retries: {
    type: "string",
    describe: "Send a request again, where it is safe, at most so often (GET, PUT ..., never POST); 0: no more",
  },
  "retry-on": {
    type: "string",
    describe: "When: connect, reset, 502, 503, 504, timeout (comma between); default: all but timeout",
  },
  "retry-budget": { type: "string", describe: "Most that are sent again, in percent of the requests (default 10)" },
  "retry-backoff": { type: "string", describe: "The random pause before is up to this, then grows (default 25ms)" },
  hedge: {
    type: "string",
    describe: "Ask another backend too when one is slow (GET, HEAD): after p90, p95, p99 or a time like 50ms; off",
  },
  "hedge-most": { type: "string", describe: "Backends that are asked besides the first (default 1)" },
  "hedge-budget": { type: "string", describe: "Most that are sent so, in percent of the requests (default 5)" },
} as const;
type Delivery = { readonly timeouts?: Timeouts; readonly retries?: Retries; readonly hedge?: Hedge };
type Before = { readonly [K in keyof Delivery]: Delivery[K] | undefined };
type DeliveryFlags = Flags<typeof DELIVERY_OPTIONS>;

const FIELDS: Readonly<Record<string, keyof Timeouts>> = {
  connect: "connectMs",
  head: "headMs",
  body: "bodyMs",
  total: "totalMs",
};

/** What is not said is not there; null is as usual again. `before`: what the route has. @throws `invalid`. */
export function deliveryOf(
  flags: DeliveryFlags,
  before: Before = {},
): { readonly [K in keyof Delivery]: Delivery[K] | null } {
  return {
    ...(flags.timeout.length === 0 ? {} : { timeouts: timeoutsOf(flags.timeout, before.timeouts) }),
    ...(isAnySaid(flags, RETRY_FLAGS) ? { retries: retriesOf(flags, before.retries) } : {}),
    ...(isAnySaid(flags, HEDGE_FLAGS) ? { hedge: hedgeOf(flags, before.hedge) } : {}),
  };
}

/** For one that is made: nothing is taken back. */
export function newDelivery(flags: DeliveryFlags): Delivery {
  const { timeouts, retries, hedge } = deliveryOf(flags);
  return { ...(timeouts && { timeouts }), ...(retries && { retries }), ...(hedge && { hedge }) };
}

/** Whether anything is said of it: what a route has of it is then read first. */
export function namesDelivery(flags: DeliveryFlags): boolean {
  return flags.timeout.length > 0 || isAnySaid(flags, RETRY_FLAGS) || isAnySaid(flags, HEDGE_FLAGS);
}

function isAnySaid(flags: DeliveryFlags, names: readonly (keyof DeliveryFlags)[]): boolean {
  return names.some((name) => flags[name] !== undefined);
}

const RETRY_FLAGS = ["retries", "retry-on", "retry-budget", "retry-backoff"] as const;
const HEDGE_FLAGS = ["hedge", "hedge-most", "hedge-budget"] as const;

function hedgeOf(flags: DeliveryFlags, before: Hedge | undefined): Hedge | null {
  const { hedge, "hedge-most": most, "hedge-budget": budget } = flags;
  if (hedge === "off") return null;
  if (hedge === undefined && before === undefined) {
    throw new SkerryError("invalid", "--hedge is missing: how long is the first backend waited for?", {
      hint: "Like this: --hedge p95, or --hedge 50ms",
    });
  }
  const { after, afterMs, ...rest } = before ?? {};
  const when = hedge === undefined ? { after, afterMs } : whenOf(hedge);
  return {
    ...rest,
    ...(when.after === undefined ? {} : { after: when.after }),
    ...(when.afterMs === undefined ? {} : { afterMs: when.afterMs }),
    ...(most === undefined ? {} : { most: wholeNumberOf(most, "--hedge-most") }),
    ...(budget === undefined ? {} : { budgetPercent: wholeNumberOf(budget.replace(/%$/, ""), "--hedge-budget") }),
  };
}

/** Which percentiles there are the daemon says. */
function whenOf(text: string): Pick<Hedge, "after" | "afterMs"> {
  if (/^p\d+$/.test(text)) return { after: text as NonNullable<Hedge["after"]> };
  return { afterMs: millisecondsOf(text, "--hedge") };
}

function retriesOf(flags: DeliveryFlags, before: Retries | undefined): Retries | null {
  const attempts = flags.retries === undefined ? before?.attempts : wholeNumberOf(flags.retries, "--retries");
  if (attempts === 0) return null;
  if (attempts === undefined) {
    throw new SkerryError("invalid", "--retries is missing: how often is a request sent again at most?", {
      hint: "Like this: --retries 2",
    });
  }
  const { "retry-on": on, "retry-budget": budget, "retry-backoff": backoff } = flags;
  return {
    ...before,
    attempts,
    ...(on === undefined ? {} : { on: on.split(",").map((cause) => cause.trim()) as NonNullable<Retries["on"]> }),
    ...(budget === undefined ? {} : { budgetPercent: wholeNumberOf(budget.replace(/%$/, ""), "--retry-budget") }),
    ...(backoff === undefined ? {} : { backoffMs: millisecondsOf(backoff, "--retry-backoff") }),
  };
}

/** @throws `invalid` */
export function wholeNumberOf(text: string, flag: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new SkerryError("invalid", `${flag}: ${JSON.stringify(text)} is no whole number.`);
}

function timeoutsOf(texts: readonly string[], before: Timeouts = {}): Timeouts | null {
  if (texts.includes("default")) {
    if (texts.length === 1) return null;
    throw new SkerryError("invalid", "--timeout default takes all of them back: nothing else can be said.");
  }
  const said: { -readonly [K in keyof Timeouts]: number } = {};
  for (const text of texts.flatMap((one) => one.split(","))) {
    const [name = "", time = ""] = text.split("=");
    const field = FIELDS[name.trim()];
    if (field === undefined) {
      throw new SkerryError("invalid", `${JSON.stringify(text)} is no timeout of a route.`, {
        hint: "Like --timeout head=5s: connect, head, body or total.",
      });
    }
    said[field] = millisecondsOf(time.trim(), "--timeout");
  }
  return { ...before, ...said };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** @throws `invalid` */
export function millisecondsOf(text: string, flag: string): number {
  const [, count, unit = ""] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (UNITS[unit] ?? 0);
  throw new SkerryError("invalid", `${flag}: ${JSON.stringify(text)} is no time.`, {
    hint: "Like 250ms, 5s, 2m or 1h.",
  });
}
