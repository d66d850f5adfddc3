/** What an answer says to who asked: which route has decided, when they may know; a page, when they read one. */
import { withoutNames } from "../http1/field-lines.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import { ruleOf } from "../routing/explain.ts";
import { ROUTE_HEADER, readTicket } from "../routing/ticket.ts";
import type { TableEntry } from "../table.ts";
import type { ProxyOptions } from "./context.ts";
import { prefersPage } from "./error-page.ts";
import type { Wishes } from "./sides.ts";

const NAMES: ReadonlySet<string> = new Set([ROUTE_HEADER.toLowerCase()]);

/** How the gateway's own answer to this request is to be. `more`: further header lines. */
export function wishesOf(
  request: RequestHead,
  entry: TableEntry | undefined,
  options: ProxyOptions,
  more: string,
): Wishes {
  return {
    withoutBody: request.method === "HEAD",
    asPage: prefersPage(request.lines),
    lines: more + routeLine(request, entry, options),
  };
}

/** A header line with route and rule, when the request brought a ticket of the route's project; else nothing. */
function routeLine(
  { ticket }: RequestHead,
  entry: TableEntry | undefined,
  { explainKey, wallMs }: ProxyOptions,
): string {
  if (ticket === undefined || explainKey === undefined || entry?.project === undefined) return "";
  if (readTicket(explainKey, ticket, wallMs()) !== entry.project) return "";
  const variant = entry.variant === undefined ? "" : `; variant=${entry.variant.name}`;
  return `${ROUTE_HEADER}: ${entry.name ?? entry.id}; rule="${ruleOf(entry)}"${variant}\r\n`;
}

/** The head with that line, and `more`; what the upstream says of the route goes. */
export function explained(
  head: ResponseHead,
  request: RequestHead,
  entry: TableEntry | undefined,
  options: ProxyOptions,
  more: string,
): ResponseHead {
  const line = routeLine(request, entry, options);
  if (line !== "") return { ...head, lines: withoutNames(head.lines, NAMES) + line + more };
  return more === "" ? head : { ...head, lines: head.lines + more };
}
