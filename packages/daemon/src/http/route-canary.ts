/** What a call says of the canary of a route, and what is shown of it. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { Route } from "@skerry/core/domain/gateway.ts";
import {
  type CANARY_ACTIONS,
  type Canary,
  type CanaryText,
  type CanaryTurn,
  canonicalCanary,
} from "@skerry/core/domain/route-canary.ts";
import type { Seen } from "@skerry/core/gateway/canary/judge.ts";
import type { Services } from "./services.ts";

type CanaryView = NonNullable<RouteView["spec"]["canary"]>;
type StatusView = NonNullable<NonNullable<RouteView["status"]>["canary"]>;

/** Of a route that is made, or changed. @throws `invalid`. */
export function canarySaid<T extends CanaryText | null>({
  canary,
}: {
  readonly canary?: T | undefined;
}): { canary?: Canary | (T & null) } {
  if (canary === undefined) return {};
  return { canary: canary === null ? (canary as T & null) : canonicalCanary(canary) };
}

/** What turns it. @throws `invalid`. */
export function turnSaid({
  action,
  canary,
}: {
  readonly action: (typeof CANARY_ACTIONS)[number];
  readonly canary?: CanaryText | undefined;
}): { readonly turn: CanaryTurn; readonly canary?: Canary } {
  if (canary === undefined) return { turn: { action } };
  if (action === "start") return { turn: { action }, canary: canonicalCanary(canary) };
  throw new SkerryError("invalid", "Only a start says anew what is to hold for the canary.", {
    hint: "Leave it out, or update the route.",
    details: { field: "canary" },
  });
}

export function viewOfCanary({ canary }: Route["spec"]): { canary?: CanaryView } {
  return canary === undefined ? {} : { canary: { ...canary, steps: [...canary.steps] } };
}

export function statusOfCanary(services: Services, { meta, spec: { rollout } }: Route): { canary?: StatusView } {
  if (rollout === undefined) return {};
  const { phase, percent, sinceMs, why } = rollout;
  const found = services.canaries.found(meta.uid);
  const plain = ({ requests, failed }: Seen) => ({ requests, failed });
  const watch = found && { found: found.why, canary: plain(found.own), others: plain(found.others) };
  return { canary: { phase, percent, since: new Date(sinceMs).toISOString(), why, ...(watch && { watch }) } };
}
