/** Answers that a route gives itself: redirects and fixed ones. */
import { SkerryError } from "../../domain/errors.ts";
import type { FixedAnswer, RouteActions } from "../../domain/route-actions.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import { statusText } from "../http1/status-texts.ts";
import type { Prepared } from "./prepared.ts";
import { type Asked, httpsLocation, locationOf } from "./redirect.ts";

/** A whole answer. */
export interface RouteAnswer {
  readonly head: ResponseHead;
  readonly body: Buffer;
}

const SELF_REDIRECT = new SkerryError(
  "unavailable/upstream",
  "The route redirects to the very URL that was asked for.",
  {
    hint: "Who wants HTTPS for all of a host says so beside where the route leads: --redirect-https.",
  },
);
export const EMPTY = Buffer.alloc(0);
const WITHOUT_LENGTH = [204, 304];

/** Fixed answers are made once for each route. */
const made = new WeakMap<FixedAnswer, RouteAnswer>();

/** What the route answers before anybody is asked; undefined: nothing. `port`: of HTTPS, as clients reach it. */
export function routeAnswer(
  { redirect, respond, redirectHttps }: RouteActions,
  { rewrite }: Prepared,
  asked: Asked,
  httpsPort: number,
): RouteAnswer | SkerryError | undefined {
  if (redirectHttps === true && asked.scheme === "http") return redirectTo(308, httpsLocation(asked, httpsPort));
  if (redirect !== undefined) {
    const target = rewrite === undefined ? asked.target : rewrite(asked.target);
    if (target instanceof SkerryError) return target;
    const location = locationOf(redirect, { ...asked, target });
    const isSame = location === asked.target || location === `${asked.scheme}://${asked.hostHeader}${asked.target}`;
    return isSame ? SELF_REDIRECT : redirectTo(redirect.status, location);
  }
  if (respond === undefined) return undefined;
  let answer = made.get(respond);
  if (answer === undefined) {
    answer = fixedAnswer(respond);
    made.set(respond, answer);
  }
  return answer;
}

function redirectTo(status: number, location: string): RouteAnswer {
  return { head: headOf(status, `Location: ${location}\r\n`, EMPTY), body: EMPTY };
}

function fixedAnswer({ status, contentType, body = "", headers = {} }: FixedAnswer): RouteAnswer {
  const bytes = Buffer.from(body);
  const type = contentType ?? (bytes.length > 0 ? "text/plain; charset=utf-8" : undefined);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = headOf(status, `${type === undefined ? "" : `Content-Type: ${type}\r\n`}${lines.join("")}`, bytes);
  return { head, body: bytes };
}

/** As an upstream would have given it. `hasDate`: the lines say when it was made. */
export function headOf(status: number, lines: string, body: Buffer, hasDate = false): ResponseHead {
  return {
    status,
    statusText: ` ${status} ${statusText(status)}`,
    bodyBytes: body.length,
    contentLength: WITHOUT_LENGTH.includes(status) ? undefined : body.length,
    keepAlive: true,
    isUpgrade: false,
    hasDate,
    lines,
  };
}
