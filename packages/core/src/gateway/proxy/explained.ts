/** Answers that say which route has decided, to who may know. */
import { withoutNames } from "../http1/field-lines.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import { ruleOf } from "../routing/explain.ts";
import { ROUTE_HEADER, readTicket } from "../routing/ticket.ts";
import type { TableEntry } from "../table.ts";
import type { ProxyOptions } from "./context.ts";

const NAMES: ReadonlySet<string> = new Set([ROUTE_HEADER.toLowerCase()]);

/** The head with route and rule, when the request brought a ticket of the route's project; what the upstream says of it goes. */
export function explained(
  head: ResponseHead,
  { ticket }: RequestHead,
  entry: TableEntry | undefined,
  { explainKey, wallMs }: ProxyOptions,
): ResponseHead {
  if (ticket === undefined || explainKey === undefined || entry?.project === undefined) return head;
  if (readTicket(explainKey, ticket, wallMs()) !== entry.project) return head;
  const line = `${ROUTE_HEADER}: ${entry.name ?? entry.id}; rule="${ruleOf(entry)}"\r\n`;
  return { ...head, lines: withoutNames(head.lines, NAMES) + line };
}
