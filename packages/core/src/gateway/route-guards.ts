/** What a route says of who may come in, and how much, put in its spec. */
import type { RouteSpec } from "../domain/gateway.ts";
import { type AccessRules, canonicalAccess } from "../domain/route-access.ts";
import { canonicalLimits, type RouteLimits, type RoutePriority } from "../domain/route-limits.ts";

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
  const limits = next(parts.limits, limitsBefore, canonicalLimits);
  const said = parts.priority === undefined ? priorityBefore : parts.priority;
  const priority = said === "normal" || said === null ? undefined : said;
  return { ...spec, ...(access && { access }), ...(limits && { limits }), ...(priority && { priority }) };
}

function next<T>(
  said: T | null | undefined,
  before: T | undefined,
  canonical: (said: T) => T | undefined,
): T | undefined {
  if (said === undefined) return before;
  return said === null ? undefined : canonical(said);
}
