/** What the gateway itself answers when a request cannot be passed on. Public: they name no upstream. */
import { SkerryError } from "../../domain/errors.ts";
import { Refusal } from "../http1/grammar.ts";

/** Why is told to who may read the route: its status says it. */
export const NO_UPSTREAM = new SkerryError("unavailable/upstream", "The route has no upstream now.");
export const LOOP = new SkerryError("unavailable/upstream", "The route leads back to the gateway, again and again.", {
  hint: "Point the route at the program that is to answer.",
});
export const NO_ROUTE = new SkerryError("not_found/route", "No route leads from this host and path to an upstream.");
export const SLOW_HEAD = new Refusal("invalid/timeout", "The head of the request did not come to its end in time.");
export const SLOW_BODY = new SkerryError("invalid/timeout", "The body of the request stood still for too long.");
export const BLOCKED = new SkerryError("forbidden/address", "Requests from your address are not taken here.");
export const TOO_LARGE = new SkerryError("invalid/too-large", "The body exceeds the limit of the route.");
export const TOO_MUCH_HEAD = new SkerryError("invalid/headers", "The headers exceed the limit of the route.");
export const ROUTE_FULL = new SkerryError(
  "exhausted/overload",
  "The route has as many requests in flight as it takes.",
  {
    retryAfterMs: 1000,
    hint: "Try again later.",
  },
);
export const CLIENT_FULL = new SkerryError(
  "exhausted/rate",
  "You have as many requests in flight as this route takes.",
  {
    retryAfterMs: 1000,
    hint: "Wait for the answers of some of them.",
  },
);
export const OVERLOADED = new SkerryError("exhausted/overload", "The gateway has too many requests in flight.", {
  retryAfterMs: 1000,
  hint: "Try again later.",
});
const NO_CONNECTION = new SkerryError(
  "unavailable/connect-timeout",
  "There was no connection to the upstream in time.",
);
const NO_HEAD = new SkerryError("unavailable/head-timeout", "The upstream did not begin its answer in time.");
const NO_PROGRESS = new SkerryError("unavailable/body-timeout", "The upstream stood still for too long.");
export const TOO_LONG = new SkerryError(
  "unavailable/total-timeout",
  "The answer was not whole within the time that the route gives.",
);
const IDLE_TUNNEL = new SkerryError("unavailable/timeout", "Nothing went through the tunnel for too long.");
/** What did not happen in time, by what was waited for. */
export const TOO_LATE = {
  connect: NO_CONNECTION,
  send: NO_PROGRESS,
  wait: NO_HEAD,
  answer: NO_PROGRESS,
  tunnel: IDLE_TUNNEL,
} as const;
export const NOT_ASKED = new SkerryError(
  "unavailable/upstream",
  "The upstream switched protocols without being asked.",
);
export const BROKEN_FILTER = new SkerryError("unavailable/upstream", "The answer could not be compressed to its end.");
