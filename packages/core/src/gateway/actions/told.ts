/** What the actions of a route do with a request, in words. */

import { ENCODINGS } from "../../domain/compress-rules.ts";
import { SkerryError } from "../../domain/errors.ts";
import type { RouteActions } from "../../domain/route-actions.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { headerValue } from "../routing/asked.ts";
import type { TableEntry } from "../table.ts";
import { chooseEncoding } from "./accept-encoding.ts";
import { routeAnswer } from "./own-answer.ts";
import { prepare } from "./prepared.ts";
import type { Asked } from "./redirect.ts";

/** What of a request is looked at. */
type Told = Asked & Pick<RequestHead, "method" | "lines">;

/** What the gateway says itself; undefined: somebody else is asked. */
export function whatAnswers(
  entry: TableEntry,
  actions: RouteActions,
  asked: Told,
  httpsPort: number,
): string | undefined {
  if (prepare(entry, actions).cors?.preflight(asked) !== undefined) return "tells the browser what it may (CORS, 204)";
  const answer = routeAnswer(actions, prepare(entry, actions), asked, httpsPort);
  if (answer === undefined) return undefined;
  if (answer instanceof SkerryError) return `answers ${answer.status}: ${answer.message}`;
  const { status, lines } = answer.head;
  const location = /^Location: (.*)\r$/m.exec(lines)?.[1];
  return location === undefined ? `answers ${status} itself` : `redirects to ${location} (${status})`;
}

/** What is done with a request that is passed on, a part for each. */
export function whatChanges(entry: TableEntry, actions: RouteActions, asked: Told): string[] {
  const { target } = asked;
  const { rewrite } = prepare(entry, actions);
  const asksFor = rewrite?.(target) ?? target;
  if (asksFor instanceof SkerryError) return [`answers ${asksFor.status}: ${asksFor.message}`];
  const { headers, cors, compress, cache } = actions;
  return [
    ...(asksFor === target ? [] : [`asks for ${asksFor}`]),
    ...(cors === undefined ? [] : ["says which pages may read the answer (CORS)"]),
    ...(cache === undefined ? [] : ["keeps answers that may be kept"]),
    ...(compress === undefined ? [] : [`compresses answers (${encodingOf(asked, compress)})`]),
    ...(headers?.request === undefined ? [] : ["changes headers of the request"]),
    ...(headers?.response === undefined ? [] : ["changes headers of the answer"]),
  ];
}

/** What this client would get. */
function encodingOf({ lines }: Told, { algorithms = ENCODINGS }: NonNullable<RouteActions["compress"]>): string {
  return chooseEncoding(headerValue(lines, "accept-encoding"), algorithms) ?? "not for this client";
}
