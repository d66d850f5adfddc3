/** Answers from what is kept (RFC 9111 4, RFC 9110 13.2, RFC 9211). */

import { withoutNames } from "../../http1/field-lines.ts";
import type { RequestHead } from "../../http1/request-head.ts";
import { headerValue } from "../../routing/asked.ts";
import { EMPTY, headOf, type RouteAnswer } from "../own-answer.ts";
import type { Kept } from "./response-cache.ts";

/** What 304 tells again (RFC 9110 15.4.5), and what the gateway says of itself. */
const TOLD_AGAIN = /^(?:cache-control|content-location|date|etag|expires|vary|age|cache-status)$/i;
const AGE: ReadonlySet<string> = new Set(["age"]);

/** The whole answer to this request; 304 when the client has it. `status`: of Cache-Status. */
export function keptAnswer(kept: Kept, asked: RequestHead, nowMs: number, status: string): RouteAnswer {
  const age = Math.max(0, Math.floor((nowMs - kept.madeMs) / 1000));
  const lines = `${withoutNames(kept.lines, AGE)}Age: ${age}\r\nCache-Status: skerry; ${status}\r\n`;
  if (kept.status === 200 && isKnown(kept.lines, asked.lines)) {
    const told = lines.split("\r\n").filter((line) => TOLD_AGAIN.test(line.slice(0, line.indexOf(":"))));
    return { head: { ...headOf(304, told.map((line) => `${line}\r\n`).join(""), EMPTY), hasDate: true }, body: EMPTY };
  }
  return { head: { ...headOf(kept.status, lines, kept.body), hasDate: true }, body: kept.body };
}

/** Whether the client has this one already (RFC 9110 13.1.2, 13.1.3). */
function isKnown(lines: string, asked: string): boolean {
  const known = headerValue(asked, "if-none-match");
  const etag = headerValue(lines, "etag");
  if (known !== undefined) {
    if (known.trim() === "*") return true;
    const plain = etag?.replace(/^W\//, "");
    return plain !== undefined && known.split(",").some((one) => one.trim().replace(/^W\//, "") === plain);
  }
  const since = Date.parse(headerValue(asked, "if-modified-since") ?? "");
  const modified = Date.parse(headerValue(lines, "last-modified") ?? "");
  return modified <= since;
}
