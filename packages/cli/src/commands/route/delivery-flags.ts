/** What a route says of how requests are brought to what it leads to, from flags. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Flags } from "../command.ts";

type Timeouts = NonNullable<RouteView["spec"]["timeouts"]>;

export const DELIVERY_OPTIONS = {
  timeout: {
    type: "array",
    describe: "connect=2s, head=30s, body=30s or total=2m: 504 beyond (again for more); default: as usual",
  },
} as const;
type DeliveryFlags = Flags<typeof DELIVERY_OPTIONS>;

const FIELDS: Readonly<Record<string, keyof Timeouts>> = {
  connect: "connectMs",
  head: "headMs",
  body: "bodyMs",
  total: "totalMs",
};

/** What is not said is not there; null is as usual again. `before`: what the route has. @throws `invalid`. */
export function deliveryOf(
  { timeout }: DeliveryFlags,
  before: Pick<RouteView["spec"], "timeouts"> = {},
): { readonly timeouts?: Timeouts | null } {
  return timeout.length === 0 ? {} : { timeouts: timeoutsOf(timeout, before.timeouts) };
}

/** Whether anything is said of it: what a route has of it is then read first. */
export function namesDelivery({ timeout }: DeliveryFlags): boolean {
  return timeout.length > 0;
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
function millisecondsOf(text: string, flag: string): number {
  const [, count, unit = ""] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (UNITS[unit] ?? 0);
  throw new SkerryError("invalid", `${flag}: ${JSON.stringify(text)} is no time.`, {
    hint: "Like 250ms, 5s, 2m or 1h.",
  });
}
