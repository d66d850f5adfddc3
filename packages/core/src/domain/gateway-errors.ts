/**
 * Every reason that the gateway gives for a request that got no whole answer of its upstream: `error` in the access log, and
 * `code/reason` of its own answers. A closed table; docs/operations.md has it for people, and a test keeps both equal.
 */

interface GatewayErrorRow {
  /** Of the answer. A connection that is cut within an answer has the status that the upstream gave; 0: none was sent. */
  readonly status: number;
  readonly means: string;
}

export const GATEWAY_ERRORS = {
  invalid: { status: 400, means: "The request is not HTTP, or its path could be read as another route's." },
  "invalid/method": { status: 405, means: "CONNECT or TRACE was asked for." },
  "invalid/timeout": { status: 408, means: "The head of the request took too long, or its body stood still." },
  "invalid/target": { status: 414, means: "The target of the request exceeds the limit." },
  "invalid/too-large": { status: 413, means: "The body of the request exceeds the limit of the route." },
  "invalid/headers": { status: 431, means: "The head or the trailers of the request exceed a limit." },
  "invalid/misdirected": {
    status: 421,
    means: "The TLS connection was made for another host, or before the rules for certificates of clients changed.",
  },
  "forbidden/client-certificate": {
    status: 403,
    means: "The route wants a certificate of the client, and a good one.",
  },
  "forbidden/address": { status: 403, means: "The route does not take requests from this address." },
  "forbidden/upstream": { status: 403, means: "The route leads to an address that its project may not reach." },
  "not_found/route": { status: 404, means: "No route leads from this host and path." },
  "exhausted/rate": { status: 429, means: "More requests came than a rate of the route takes." },
  "exhausted/overload": { status: 503, means: "Too many requests are in flight, or wait for this upstream." },
  "unavailable/upstream": {
    status: 502,
    means: "The upstream is missing, refused the connection, broke off, or its answer was not HTTP.",
  },
  "unavailable/upstream-tls": {
    status: 502,
    means: "The TLS handshake with the upstream failed, or its certificate is not one that the route trusts.",
  },
  "unavailable/connect-timeout": { status: 504, means: "There was no connection to the upstream in time." },
  "unavailable/head-timeout": { status: 504, means: "The upstream did not begin its answer in time." },
  "unavailable/body-timeout": {
    status: 504,
    means: "The upstream took no more of the request's body, or sent no more of its answer's, for too long.",
  },
  "unavailable/total-timeout": { status: 504, means: "The answer was not whole within the time that the route gives." },
  "unavailable/breaker": {
    status: 503,
    means: "All backends of the upstream have failed so often that they get no requests for a while.",
  },
  "unavailable/unhealthy": { status: 503, means: "No backend of the upstream passes its health checks." },
  "unavailable/timeout": { status: 504, means: "Nothing went through a tunnel for too long." },
  unsupported: { status: 501, means: "A tunnel for another protocol than WebSocket was asked for (HTTP/2)." },
  aborted: { status: 0, means: "The client went away, or took nothing for too long, before the answer's end." },
} as const satisfies Readonly<Record<string, GatewayErrorRow>>;

export type GatewayError = keyof typeof GATEWAY_ERRORS;
