/**
 * What a TLS handshake has shown of who asks, and what a route makes of it. Looked at for each request: several hosts, and
 * later rules, share a connection.
 */
import { createHash } from "node:crypto";
import { SkerryError } from "../../domain/errors.ts";
import type { ClientTls } from "../../domain/gateway.ts";

/** Of a route, for the worker. */
export interface ClientRule {
  /** Stands for the authorities and revocations under which a certificate counts. */
  readonly id: string;
  readonly mode: ClientTls["mode"];
}

/** How handshakes for a host ask for certificates. */
export interface ClientTerms {
  readonly id: string;
  readonly ca: string;
  readonly crl?: string;
  /** Wall time from which the revocations are too old to say anything. */
  readonly crlUntilMs?: number;
}

/** What a handshake that asked for a certificate has got. */
export interface Shown {
  /** The terms of its handshake. */
  readonly termsId: string;
  /** DER, of one that was verified under them. */
  readonly certificate?: Buffer;
  /** Wall time from which that no longer counts. */
  readonly untilMs: number;
}

/** Who is at the other end of a client's connection. */
export interface Peer {
  /** Without the prefix of IPv4 addresses in IPv6. */
  readonly address: string;
  readonly protocol: "HTTP/1.1" | "HTTP/2";
  /** `TLSv1.3`; undefined without TLS. */
  readonly tls: string | undefined;
  /** Undefined: its handshake asked for no certificate. */
  readonly shown: Shown | undefined;
}

export function termsIdOf({ ca, crl = "" }: ClientTls): string {
  return createHash("sha256").update(`${ca}\0${crl}`).digest("hex").slice(0, 32);
}

const NEEDED = new SkerryError("forbidden/client-certificate", "This needs a certificate of yours, and a good one.", {
  hint: "Show one of an authority that is taken here, neither expired nor revoked: curl --cert FILE --key FILE",
});
export const MISDIRECTED = new SkerryError(
  "invalid/misdirected",
  "The TLS connection was made for another host, or before the rules for certificates of clients changed.",
  { hint: "Connect anew, with this host's name in the handshake." },
);

/** Why a request must not go on; undefined when it may. */
export function peerRefusal(
  rule: ClientRule | undefined,
  { tls, shown }: Peer,
  wallMs: () => number,
): SkerryError | undefined {
  if (rule === undefined) return undefined;
  if (tls !== undefined && shown?.termsId !== rule.id) return MISDIRECTED;
  return rule.mode === "request" || isVerified(shown, wallMs()) ? undefined : NEEDED;
}

function isVerified(shown: Shown | undefined, nowMs: number): shown is Shown & { readonly certificate: Buffer } {
  return shown?.certificate !== undefined && nowMs < shown.untilMs;
}

/** The header line that tells the upstream (RFC 9440): of what was verified as the route wants it. */
export function clientCertLine(rule: ClientRule | undefined, { shown }: Peer, wallMs: () => number): string {
  if (rule === undefined || shown?.termsId !== rule.id || !isVerified(shown, wallMs())) return "";
  return `Client-Cert: :${shown.certificate.toString("base64")}:\r\n`;
}
