import type { IncomingMessage } from "node:http";
import { SkerryError } from "@skerry/core/domain/errors.ts";

/** How a listener knows a request that is meant for it. */
export type Listener =
  | { readonly kind: "unix" }
  | { readonly kind: "tcp"; readonly host: string; readonly port: () => number };

/**
 * Against DNS rebinding and requests from web pages. @throws `invalid/host` (421): a Host that is not ours;
 * `forbidden/origin`: a page from elsewhere; `invalid`: a target that is not a path.
 */
export function assertOurs(listener: Listener, request: IncomingMessage): void {
  if (!request.url?.startsWith("/")) {
    throw new SkerryError("invalid", "The request target must be a path, beginning with '/'.");
  }
  for (const name of ["host", "authorization"]) {
    if ((request.headersDistinct[name]?.length ?? 0) <= 1) continue;
    throw new SkerryError("invalid", `The request has more than one ${name} header.`);
  }
  const coding = request.headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    throw new SkerryError("invalid/encoding", "Of transfer codings only chunked is taken.");
  }
  if (listener.kind === "unix") return;
  const names = ourNames(listener.host, listener.port());
  const host = request.headers.host?.toLowerCase() ?? "";
  if (!names.includes(host)) {
    throw new SkerryError("invalid/host", "This address serves Skerry's API under its own name only.", {
      hint: `Use ${names.join(" or ")} as host.`,
    });
  }
  const { origin } = request.headers;
  if (origin !== undefined && !names.some((name) => origin === `http://${name}`)) {
    throw new SkerryError("forbidden/origin", "Pages of other origins may not use this API.");
  }
  if (request.headers["sec-fetch-site"] === "cross-site") {
    throw new SkerryError("forbidden/origin", "Pages of other sites may not use this API.");
  }
}

/** Clients leave out the port of the scheme. */
function ourNames(host: string, port: number): string[] {
  const literal = host.includes(":") ? `[${host}]` : host;
  const names = [...new Set([literal, "localhost", "127.0.0.1", "[::1]"])];
  return [...names.map((name) => `${name}:${port}`), ...(port === 80 ? names : [])];
}
