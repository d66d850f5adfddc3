/** Whether the actions of a route go with the rest of what it says. */
import { SkerryError } from "../../domain/errors.ts";
import type { RouteSpec } from "../../domain/gateway.ts";
import { destinationsOf } from "../../domain/route-split.ts";
import { createRewriter } from "./rewrite.ts";

/** @throws `invalid` that names the field. */
export function assertActionsFit(spec: RouteSpec): void {
  const { path, match, split, redirect, respond, rewrite, headers, hostHeader, cache } = spec;
  const refuse = (message: string, hint: string, field = "rewrite") =>
    new SkerryError("invalid", message, { hint, details: { field: `spec.${field}` } });
  if (redirect !== undefined || respond !== undefined) {
    const named = hostHeader !== undefined ? "hostHeader" : headers?.request && "headers";
    if (named)
      throw refuse("A route that answers itself sends no requests on: they have no headers.", "Leave them out.", named);
  }
  if (split !== undefined && cache !== undefined) {
    const message = "Answers of a route that is split are not kept: one variant's would be given for another's.";
    throw refuse(message, "Leave cache out; let the variants lead to routes of their own that keep answers.", "cache");
  }
  if (hostHeader !== undefined && destinationsOf(spec).some((to) => to.startsWith("bucket/"))) {
    throw refuse("A bucket is asked for by its name: it has no use for another Host.", "Leave it out.", "hostHeader");
  }
  if (rewrite === undefined) return;
  if (respond !== undefined) {
    throw refuse(
      "A route that answers itself asks for no path: there is nothing to rewrite.",
      "Leave the rewrite out.",
    );
  }
  if (rewrite.prefix !== undefined && match?.path !== undefined) {
    const kind = match.path === "exact" ? "an exact path" : "a pattern";
    throw refuse(`The route takes ${kind}, and no prefix that could be replaced.`, "Say path, or regex and with.");
  }
  createRewriter(rewrite, path);
}
