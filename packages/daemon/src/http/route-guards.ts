/** What a call says of who may come in by a route, and how much, and what it is told of it. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { RouteSpec } from "@skerry/core/domain/gateway.ts";
import type { GuardParts } from "@skerry/core/gateway/route-guards.ts";

type View = Pick<RouteView["spec"], "access" | "limits" | "priority">;

export type SaidGuards = { readonly [K in keyof View]?: View[K] | null };

/** @throws `invalid` (below HTTP there are no requests that could be counted). */
export function guardsOf(
  { access, limits, priority }: SaidGuards,
  listen: string | undefined,
): { readonly guards?: GuardParts } {
  if ((limits || priority) && listen !== undefined) {
    throw new SkerryError("invalid", "A route below HTTP has no limits: requests are not told apart there.", {
      hint: "Leave limits and priority out; access holds there, too.",
      details: { field: "spec.limits" },
    });
  }
  const said = {
    ...(access !== undefined && { access }),
    ...(limits !== undefined && { limits }),
    ...(priority !== undefined && { priority }),
  };
  // What is not said is not there, deep inside as well.
  return Object.keys(said).length === 0 ? {} : { guards: JSON.parse(JSON.stringify(said)) as GuardParts };
}

export function viewOfGuards({ access, limits, priority }: RouteSpec): View {
  const said = { ...(access && { access }), ...(limits && { limits }), ...(priority && { priority }) };
  return structuredClone(said) as View;
}
