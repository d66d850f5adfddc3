/**
 * Tickets for answers that say which route has decided: whoever may read a project's routes gets one from the API, and sends
 * it with a request. A worker looks at it without asking anybody: who holds one, and until when, is signed (HMAC, RFC 2104).
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { LIMITS } from "../../domain/limits.ts";

/** The request's header that brings a ticket, and the answer's that names route and rule. */
export const TICKET_HEADER = "X-Skerry-Explain";
export const ROUTE_HEADER = "X-Skerry-Route";
/** Bytes of the key that the daemon and its workers share. */
export const TICKET_KEY_BYTES = 32;

const FORM = /^([0-9]{13})\.([a-z0-9-]{1,64})\.([A-Za-z0-9_-]{43})$/;

/** `project`: its uid. `untilMs`: wall clock. */
export function signTicket(key: Buffer, project: string, untilMs: number): string {
  const text = `${untilMs}.${project}`;
  return `${text}.${macOf(key, text).toString("base64url")}`;
}

/** Uid of the project whose routes may be told; undefined: it is none, is not ours, or is over. */
export function readTicket(key: Buffer, ticket: string, nowMs: number): string | undefined {
  const [, until = "", project = "", mac = ""] = FORM.exec(ticket) ?? [];
  const untilMs = Number(until);
  // What would last longer than any that is given is not ours, whoever has signed it.
  if (mac === "" || nowMs >= untilMs || untilMs > nowMs + LIMITS.gateway.explainTicketMs) return undefined;
  const given = Buffer.from(mac, "base64url");
  const right = macOf(key, `${until}.${project}`);
  return given.length === right.length && timingSafeEqual(given, right) ? project : undefined;
}

function macOf(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
