/** Certificates that people bring: what is kept of one. Plain; `gateway/certificates/` checks and serves them. */
import type { Resource } from "./resource.ts";

/** server: shown to clients of the project's hosts. client: shown by the gateway to upstreams. */
export const CERTIFICATE_USES = ["server", "client"] as const;
export type CertificateUse = (typeof CERTIFICATE_USES)[number];

export interface CertificateSpec {
  readonly use: CertificateUse;
  /** PEM: the certificate, then those above it, each the issuer of the one before. */
  readonly certificate: string;
  /** Sealed (`Sealer`); PEM inside. Never leaves the daemon but to gateway workers. */
  readonly sealedKey: string;
  /** OCSP response (RFC 6960) that is sent along, DER in base64. */
  readonly ocsp?: string;
}
export type StoredCertificate = Resource<CertificateSpec>;

/** A certificate that can be shown: PEM, with those above it behind it. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Whether a name of a certificate (`a.example`, `*.example`) is good for a host, or is the host's own wildcard. */
export function coversName(certified: string, host: string): boolean {
  return (
    certified === host ||
    (certified.startsWith("*.") && !host.startsWith("*.") && nameAbove(host) === certified.slice(2))
  );
}

/** `a.b.c` -> `b.c`; `""` above the last label. */
export function nameAbove(name: string): string {
  const dot = name.indexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1);
}
