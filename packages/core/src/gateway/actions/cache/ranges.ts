/** Parts of a whole answer that is kept (RFC 9110 14). */
import { headerValue } from "../../routing/asked.ts";

/** First and last byte. */
export type Part = readonly [from: number, to: number];

/**
 * What of so many bytes a GET with these header lines wants; `none`: it wants what there is not. Undefined: all, also when it wants
 * several parts, which the gateway does not put together, or parts of something that it is no longer.
 */
export function partOf(asked: string, kept: string, bytes: number): Part | "none" | undefined {
  const range = headerValue(asked, "range");
  if (range === undefined || !isSame(headerValue(asked, "if-range"), kept)) return undefined;
  const [, first, last] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(range) ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first === "") return Number(last) === 0 || bytes === 0 ? "none" : [Math.max(0, bytes - Number(last)), bytes - 1];
  const from = Number(first);
  const to = last === "" ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (last !== "" && Number(last) < from) return undefined;
  return from < bytes ? [from, to] : "none";
}

/** Whether the client has parts of this one: only what cannot stand for another byte for byte says so. */
function isSame(said: string | undefined, kept: string): boolean {
  if (said === undefined) return true;
  if (said.startsWith('"')) return said === headerValue(kept, "etag");
  return !said.startsWith("W/") && said === headerValue(kept, "last-modified");
}
