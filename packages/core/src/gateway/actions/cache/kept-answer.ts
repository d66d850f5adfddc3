/** Answers from what is kept (RFC 9111 4, RFC 9110 13.2 and 14, RFC 9211). */

import { withoutNames } from "../../http1/field-lines.ts";
import type { RequestHead } from "../../http1/request-head.ts";
import { type ResponseHead, UNTIL_CLOSE } from "../../http1/response-head.ts";
import { headerValue } from "../../routing/asked.ts";
import { EMPTY, headOf, type RouteAnswer } from "../own-answer.ts";
import { partOf } from "./ranges.ts";
import type { Kept } from "./response-cache.ts";

/** What 304 tells again (RFC 9110 15.4.5), and what the gateway says of itself. */
const TOLD_AGAIN = /^(?:cache-control|content-location|date|etag|expires|vary|age|cache-status)$/i;
const AGE: ReadonlySet<string> = new Set(["age"]);
/** Of the answer that there is no such part. */
const OF_BODY: ReadonlySet<string> = new Set(["content-type", "content-encoding", "content-disposition"]);

/** Lines without what is said anew each time; made when one is first given. */
const lasting = new WeakMap<Kept, string>();

export interface Given {
  readonly nowMs: number;
  /** Of Cache-Status. */
  readonly status: string;
  /** The client wants all of it, and may have nothing of it. */
  readonly isPlain: boolean;
  /** What it is becomes something else on its way to this client: a part of it would be of no use. */
  readonly isChanged: (whole: ResponseHead) => boolean;
}

/** The answer to this request, whole or a part of it; 304 when the client has it. */
export function keptAnswer(kept: Kept, asked: RequestHead, { nowMs, status, isPlain, isChanged }: Given): RouteAnswer {
  let lines = lasting.get(kept);
  if (lines === undefined) {
    const ranges = kept.status !== 200 || headerValue(kept.lines, "accept-ranges") ? "" : "Accept-Ranges: bytes\r\n";
    lines = withoutNames(kept.lines, AGE) + ranges;
    lasting.set(kept, lines);
  }
  const age = Math.max(0, Math.floor((nowMs - kept.madeMs) / 1000));
  lines += `Age: ${age}\r\nCache-Status: skerry; ${status}\r\n`;
  const { body } = kept;
  const whole = headOf(kept.status, lines, body, true);
  if (isPlain || kept.status !== 200) return { head: whole, body };
  if (isKnown(kept.lines, asked.lines)) {
    const told = lines.split("\r\n").filter((line) => TOLD_AGAIN.test(line.slice(0, line.indexOf(":"))));
    return { head: headOf(304, told.map((line) => `${line}\r\n`).join(""), EMPTY, true), body: EMPTY };
  }
  const part = asked.method === "GET" ? partOf(asked.lines, kept.lines, body.length) : undefined;
  if (part === undefined || isChanged({ ...whole, bodyBytes: UNTIL_CLOSE })) return { head: whole, body };
  if (part === "none") {
    const without = `${withoutNames(lines, OF_BODY)}Content-Range: bytes */${body.length}\r\n`;
    return { head: headOf(416, without, EMPTY, true), body: EMPTY };
  }
  const [from, to] = part;
  const bytes = body.subarray(from, to + 1);
  const partial = `${lines}Content-Range: bytes ${from}-${to}/${body.length}\r\n`;
  return { head: headOf(206, partial, bytes, true), body: bytes };
}

/** Whether the client has this one already (RFC 9110 13.1.2, 13.1.3). */
function isKnown(lines: string, asked: string): boolean {
  const known = headerValue(asked, "if-none-match");
  if (known !== undefined) {
    if (known.trim() === "*") return true;
    const plain = headerValue(lines, "etag")?.replace(/^W\//, "");
    return plain !== undefined && known.split(",").some((one) => one.trim().replace(/^W\//, "") === plain);
  }
  const since = headerValue(asked, "if-modified-since");
  return since !== undefined && Date.parse(headerValue(lines, "last-modified") ?? "") <= Date.parse(since);
}
