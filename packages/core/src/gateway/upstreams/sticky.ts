/**
 * Clients that come back to the backend that they had. By a cookie: its value is a keyed hash of the backend's name, the same
 * in all workers and after a restart, and of no use to who wants another backend. The key is the upstream's uid: 130 random
 * bits that no client is told.
 */
import { createHmac } from "node:crypto";
import type { ResponseHead } from "../http1/response-head.ts";
import { type Asked, Facts } from "../routing/asked.ts";
import type { StickyRule } from "../table.ts";
import type { Peer } from "../tls/peer.ts";

const VALUE_BYTES = 16;

export function stickyValueOf(upstreamId: string, backend: string): string {
  return createHmac("sha256", upstreamId).update(backend).digest().subarray(0, VALUE_BYTES).toString("base64url");
}

/** The answer with the cookie, unless the request brought it. `value`: of who has answered. */
export function withStickyCookie(
  head: ResponseHead,
  sticky: StickyRule | undefined,
  value: string | undefined,
  asked: Asked,
  { peer }: { readonly peer: Peer },
): ResponseHead {
  if (sticky?.by !== "cookie" || value === undefined) return head;
  if (new Facts().begin(asked).value("cookies", sticky.name) === value) return head;
  const age = sticky.ttlSeconds === undefined ? "" : `; Max-Age=${sticky.ttlSeconds}`;
  const line = `Set-Cookie: ${sticky.name}=${value}; Path=${sticky.path ?? "/"}${age}; HttpOnly; SameSite=Lax${peer.tls === undefined ? "" : "; Secure"}\r\n`;
  return { ...head, lines: head.lines + line };
}
