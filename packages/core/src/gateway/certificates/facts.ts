/** What a certificate says of itself, as people and the gateway want to know it. */
import { X509Certificate } from "node:crypto";
import type { CertificateSpec, StoredCertificate } from "../../domain/certificates.ts";
import { LIMITS } from "../../domain/limits.ts";
import { ocspAnswerFor } from "./ocsp.ts";
import { certificatesIn } from "./pem.ts";

export interface CertificateFacts {
  /** Host names, lower case, wildcards among them. */
  readonly names: readonly string[];
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  readonly keyType: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Absent: there is none. 0: it is stale at once. */
  readonly ocspUntilMs?: number;
}

const HOST = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** @throws when it is none: only what was checked is given here. */
export function factsOf(spec: Pick<CertificateSpec, "certificate" | "ocsp">): CertificateFacts {
  const leaf = new X509Certificate(certificatesIn(spec.certificate)[0] ?? "");
  const answer = spec.ocsp === undefined ? undefined : ocspAnswerFor(Buffer.from(spec.ocsp, "base64"), leaf.raw);
  return {
    names: namesOf(leaf),
    subject: oneLine(leaf.subject),
    issuer: oneLine(leaf.issuer),
    serial: leaf.serialNumber.toLowerCase(),
    keyType: keyTypeOf(leaf),
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    ...(answer === undefined ? {} : { ocspUntilMs: answer.nextUpdateMs ?? 0 }),
  };
}

/** The host names that it is good for. The common name is none: clients have not looked at it for years. */
export function namesOf(certificate: X509Certificate): string[] {
  // Node quotes what could be mistaken for more than one.
  const names = (certificate.subjectAltName ?? "").split(", ").flatMap((part) => /^DNS:([^"]+)$/.exec(part)?.[1] ?? []);
  return [...new Set(names.map((name) => name.toLowerCase()).filter((name) => HOST.test(name)))];
}

export type CertificateState = "ready" | "expiring" | "expired" | "not-yet";

export function stateOf({ notBeforeMs, notAfterMs }: CertificateFacts, nowMs: number): CertificateState {
  if (nowMs >= notAfterMs) return "expired";
  if (nowMs < notBeforeMs) return "not-yet";
  return nowMs >= notAfterMs - LIMITS.gateway.warnBeforeExpiryMs ? "expiring" : "ready";
}

/** Whether clients of hosts may be shown it now. */
export function isServed({ spec }: StoredCertificate, facts: CertificateFacts, nowMs: number): boolean {
  return spec.use === "server" && nowMs >= facts.notBeforeMs && nowMs < facts.notAfterMs;
}

export function keyTypeOf({ publicKey }: X509Certificate): string {
  const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {};
  if (publicKey.asymmetricKeyType === "rsa") return `RSA ${modulusLength}`;
  if (publicKey.asymmetricKeyType === "ec") return CURVES[namedCurve ?? ""] ?? `EC ${namedCurve}`;
  return publicKey.asymmetricKeyType === "ed25519" ? "Ed25519" : `${publicKey.asymmetricKeyType}`;
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384" };

function oneLine(name: string): string {
  return name.replaceAll("\n", ", ");
}
