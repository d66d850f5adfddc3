/** Blue-green: a route that leads elsewhere at once, and can be led back. Plain rules. */
import { SkerryError } from "./errors.ts";
import type { RouteSpec } from "./gateway.ts";

/** What is said: another target, or the one before. */
export interface SwitchSaid {
  readonly to?: string | undefined;
  readonly back?: boolean | undefined;
}

/** Where the route is to lead, not checked yet. @throws `invalid` (neither is said, or both; there is nothing to switch, or no way back). */
export function switchTarget(name: string, { to, split, previousTo }: RouteSpec, said: SwitchSaid): string {
  const back = said.back === true;
  if (back === (said.to !== undefined)) {
    const message = back ? "Both are said: where it leads, and that it leads back." : "It is missing where it leads.";
    throw refuse(message, `skerry route switch ${name} --to TARGET, or skerry route switch ${name} --back`);
  }
  if (split !== undefined) {
    throw refuse(
      `The route ${name} is split among variants: there is no one target to switch.`,
      `To lead all of it to one: skerry route update ${name} --to TARGET`,
    );
  }
  if (to === undefined) {
    throw refuse(
      `The route ${name} passes nothing on: there is no target to switch.`,
      `To lead it to one: skerry route update ${name} --to TARGET`,
    );
  }
  if (said.to !== undefined) return said.to;
  if (previousTo !== undefined) return previousTo;
  throw refuse(
    `The route ${name} has led nowhere but to ${to}: there is no way back.`,
    `Say where: skerry route switch ${name} --to TARGET`,
  );
}

/** `next` with where the route led before. It is remembered while the route passes requests on. */
export function withPrevious(before: RouteSpec, next: RouteSpec): RouteSpec {
  const { previousTo: _, ...rest } = next;
  if (rest.to === undefined || before.to === undefined) return rest;
  const previousTo = rest.to === before.to ? before.previousTo : before.to;
  return previousTo === undefined ? rest : { ...rest, previousTo };
}

function refuse(message: string, hint: string): SkerryError {
  return new SkerryError("invalid", message, { hint, details: { field: "to" } });
}
