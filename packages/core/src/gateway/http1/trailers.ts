/** Trailers (RFC 9110 6.5): what stands behind a body and may go on. Most of what a header may say comes too late there. */

/** RFC 9110 6.5.1: framing, routing, authentication, controls, conditions, and how the content is to be read. */
const NOT_TRAILERS = new Set([
  ...[
    "age",
    "authorization",
    "cache-control",
    "cdn-loop",
    "client-cert",
    "client-cert-chain",
    "connection",
    "content-encoding",
    "content-length",
  ],
  ...["content-range", "content-type", "cookie", "date", "expect", "expires", "forwarded", "host", "http2-settings"],
  ...["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "location"],
  ...["max-forwards", "pragma", "proxy", "proxy-authenticate", "proxy-authorization", "proxy-connection", "range"],
  ...["retry-after", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "vary", "warning"],
  ...["www-authenticate", "x-real-ip", "x-request-id"],
]);

/** `name` in lower case. Names with an underscore are left out: others take it for a hyphen. */
export function mayBeTrailer(name: string): boolean {
  return !NOT_TRAILERS.has(name) && !name.startsWith("x-forwarded-") && !name.includes("_");
}
