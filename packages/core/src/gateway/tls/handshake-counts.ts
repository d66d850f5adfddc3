/** What a worker counts of TLS handshakes with clients: plain numbers that cross the control pipe as JSON. */

/** Why one came to nothing. */
export const HANDSHAKE_FAILURES = [
  /** It was not at its end in time. */
  "timeout",
  /** The client went away. */
  "closed",
  /** What came is not TLS. */
  "not-tls",
  /** There is no certificate for the name, nor a default one. */
  "no-certificate",
  /** Client and gateway have no version in common. */
  "version",
  /** Nor a cipher, a curve, or a protocol inside. */
  "parameters",
  /** The client does not take the certificate, or says something else of what it was sent. */
  "alert",
  "other",
] as const;
export type HandshakeFailure = (typeof HANDSHAKE_FAILURES)[number];

export interface HandshakeCounts {
  /** By version: `[new, resumed]`. */
  readonly made: Record<string, [full: number, resumed: number]>;
  readonly failed: Record<HandshakeFailure, number>;
}

export function emptyHandshakeCounts(): HandshakeCounts {
  const failed = Object.fromEntries(HANDSHAKE_FAILURES.map((why) => [why, 0]));
  return { made: { "TLSv1.2": [0, 0], "TLSv1.3": [0, 0] }, failed: failed as HandshakeCounts["failed"] };
}

/** `version`: as Node says it. */
export function countHandshake({ made }: HandshakeCounts, version: string | null, isResumed: boolean): void {
  const counts = made[version ?? ""];
  if (counts !== undefined) counts[isResumed ? 1 : 0]++;
}

/** `code`: of Node's error. */
export function handshakeFailureOf(code: string | undefined): HandshakeFailure {
  switch (code) {
    case "ERR_TLS_HANDSHAKE_TIMEOUT":
      return "timeout";
    case "ECONNRESET":
    case "EPIPE":
      return "closed";
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_UNKNOWN_PROTOCOL":
    case "ERR_SSL_VERSION_TOO_LOW":
    case "ERR_SSL_INAPPROPRIATE_FALLBACK":
      return "version";
    case "ERR_SSL_NO_SHARED_CIPHER":
    case "ERR_SSL_NO_SUITABLE_KEY_SHARE":
    case "ERR_SSL_NO_SHARED_GROUPS":
    case "ERR_SSL_NO_SUITABLE_GROUPS":
    case "ERR_SSL_NO_APPLICATION_PROTOCOL":
    case "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM":
      return "parameters";
    default:
      return code !== undefined && /_ALERT_/.test(code) ? "alert" : "other";
  }
}
