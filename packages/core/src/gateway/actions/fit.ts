/** Whether the actions of a route go with the rest of what it says. */
import { SkerryError } from "../../domain/errors.ts";
import type { RouteSpec } from "../../domain/gateway.ts";
import { createRewriter } from "./rewrite.ts";

/** @throws `invalid` that names the field. */
export function assertActionsFit({
  path,
  match,
  to,
  redirect,
  respond,
  rewrite,
  headers,
  hostHeader,
}: RouteSpec): void {
  const refuse = (message: string, hint: string, field = "rewrite") =>
    new SkerryError("invalid", message, { hint, details: { field: `spec.${field}` } });
  if (redirect !== undefined || respond !== undefined) {
    const named = hostHeader !== undefined ? "hostHeader" : headers?.request && "headers";
    if (named)
      throw refuse("A route that answers itself sends no requests on: they have no headers.", "Leave them out.", named);
  }
  if (hostHeader !== undefined && to?.startsWith("bucket/")) {
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
