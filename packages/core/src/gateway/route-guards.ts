/** What a route says of who may come in, and how much, put in its spec. */
import { SkerryError } from "../domain/errors.ts";
import type { RouteSpec } from "../domain/gateway.ts";
import { type AccessRules, canonicalAccess } from "../domain/route-access.ts";
import { canonicalLimits, type RouteLimits, type RoutePriority } from "../domain/route-limits.ts";
import { isPassedOn } from "./http1/request-head.ts";

/** Not checked yet. Undefined: as it is; null: without. */
export interface GuardParts {
  readonly access?: AccessRules | null;
  readonly limits?: RouteLimits | null;
  readonly priority?: RoutePriority | null;
}

/** @throws `invalid`. */
export function withGuards(
  { access: accessBefore, limits: limitsBefore, priority: priorityBefore, ...spec }: RouteSpec,
  parts: GuardParts = {},
): RouteSpec {
  const access = next(parts.access, accessBefore, canonicalAccess);
  const limits = next(parts.limits, limitsBefore, seenLimits);
  const said = parts.priority === undefined ? priorityBefore : parts.priority;
  const priority = said === "normal" || said === null ? undefined : said;
  return { ...spec, ...(access && { access }), ...(limits && { limits }), ...(priority && { priority }) };
}

/** Who says a header that the gateway takes out says nothing: all would share one bucket. */
function seenLimits(said: RouteLimits): RouteLimits | undefined {
  const limits = canonicalLimits(said);
  const named = limits?.rate?.map(({ by }) => by.slice("header:".length)) ?? [];
  const hidden = named.find((name, at) => limits?.rate?.[at]?.by.startsWith("header:") && !isPassedOn(name));
  if (hidden === undefined) return limits;
  throw new SkerryError(
    "invalid",
    `A rate cannot be counted by the header ${hidden}: the gateway takes it out, or reads it itself.`,
    { hint: "Choose a header of your own; ip is the client's address.", details: { field: "limits.rate" } },
  );
}

function next<T>(
  said: T | null | undefined,
  before: T | undefined,
  canonical: (said: T) => T | undefined,
): T | undefined {
  if (said === undefined) return before;
  return said === null ? undefined : canonical(said);
}
