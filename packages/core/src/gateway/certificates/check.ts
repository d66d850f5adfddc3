/**
 * Looks at what people bring before it is used: certificates that fit together and to their key, and can be served. What is
 * wrong is said with its place.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { CertificateUse } from "../../domain/certificates.ts";
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { keyTypeOf, namesOf } from "./facts.ts";
import { ocspAnswerFor } from "./ocsp.ts";
import { blocksIn } from "./pem.ts";

export interface Brought {
  readonly use: CertificateUse;
  /** PEM. */
  readonly certificate: string;
  /** PEM, not encrypted. */
  readonly key: string;
  /** DER in base64. */
  readonly ocsp?: string;
}

/** The same in one spelling: nothing but the certificates, and the key as PKCS #8. @throws `invalid`. */
export function checkBrought({ use, certificate, key, ocsp }: Brought, nowMs: number): Brought {
  const chain = readChain(certificate);
  const leaf = chain[0] as X509Certificate;
  assertOrder(chain);
  assertTimes(chain, nowMs);
  assertUse(leaf, use);
  const privateKey = readKey(key);
  if (!leaf.checkPrivateKey(privateKey)) {
    throw refuse(
      "key",
      "The key does not fit the certificate.",
      `The first certificate of the file is of ${place(leaf)}.`,
    );
  }
  if (ocsp !== undefined) assertOcsp(ocsp, leaf, nowMs);
  const checked = {
    use,
    certificate: chain.map((one) => one.toString()).join(""),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    ...(ocsp === undefined ? {} : { ocsp }),
  };
  try {
    createSecureContext({ cert: checked.certificate, key: checked.key });
  } catch (cause) {
    throw refuse("certificate", `TLS does not take it: ${reasonOf(cause)}.`, WEAK, cause);
  }
  return checked;
}

function readChain(pem: string): X509Certificate[] {
  const blocks = blocksIn(pem);
  const other = blocks.find(({ label }) => label !== "CERTIFICATE");
  if (other !== undefined) {
    const what = other.label.includes("KEY") ? "a key" : JSON.stringify(other.label);
    throw refuse(
      "certificate",
      `Among the certificates is ${what}.`,
      "The key goes into a file of its own: --key FILE.",
    );
  }
  if (blocks.length === 0) {
    throw refuse("certificate", "It has no certificate in PEM.", "It begins with -----BEGIN CERTIFICATE-----.");
  }
  const { maxChain } = LIMITS.gateway;
  if (blocks.length > maxChain) {
    throw refuse("certificate", `It has ${blocks.length} certificates, and a chain at most ${maxChain}.`, CHAIN);
  }
  return blocks.map(({ text }, at) => readCertificate(text, at + 1));
}

function readCertificate(pem: string, number: number): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw refuse("certificate", `Certificate ${number} of the file cannot be read: ${reasonOf(cause)}.`, CHAIN, cause);
  }
}

/** Each is signed by the next. */
function assertOrder(chain: readonly X509Certificate[]): void {
  for (const [at, one] of chain.slice(0, -1).entries()) {
    const next = chain[at + 1] as X509Certificate;
    if (isIssued(one, next)) continue;
    const issuer = chain.findIndex((other) => other !== one && isIssued(one, other));
    const message = `Certificate ${at + 2} of the file (${place(next)}) did not issue certificate ${at + 1} (${place(one)})`;
    if (issuer < 0) throw refuse("certificate", `${message}, and no other one did.`, CHAIN);
    throw refuse("certificate", `${message}; certificate ${issuer + 1} did: they are out of order.`, CHAIN);
  }
}

function isIssued(one: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return issuer.ca && one.checkIssued(issuer) && one.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

function assertTimes(chain: readonly X509Certificate[], nowMs: number): void {
  for (const [at, one] of chain.entries()) {
    const what = `Certificate ${at + 1} of the file (${place(one)})`;
    if (nowMs >= Date.parse(one.validTo)) {
      throw refuse("certificate", `${what} expired on ${dateOf(one.validTo)}.`, "Bring a newer one.");
    }
    if (nowMs + LIMITS.gateway.clockToleranceMs < Date.parse(one.validFrom)) {
      throw refuse("certificate", `${what} is not good before ${dateOf(one.validFrom)}.`, "Bring it then.");
    }
  }
}

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

function assertUse(leaf: X509Certificate, use: CertificateUse): void {
  const uses = leaf.keyUsage as readonly string[] | undefined;
  const wanted = use === "server" ? SERVER_AUTH : CLIENT_AUTH;
  if (uses !== undefined && !uses.includes(wanted)) {
    const hint =
      use === "server" ? "For upstreams that ask for one: --use client." : "For hosts of routes: --use server.";
    throw refuse("certificate", `The certificate of ${place(leaf)} is not one of a ${use}.`, hint);
  }
  const isRoot = leaf.checkIssued(leaf);
  if (leaf.ca && !isRoot)
    throw refuse("certificate", `The first certificate (${place(leaf)}) is an authority's.`, CHAIN);
  const names = namesOf(leaf);
  if (use === "server" && names.length === 0) {
    const why = "It names no host: clients look at its alternative names only, not at its subject.";
    throw refuse("certificate", why, 'Made with openssl: -addext "subjectAltName=DNS:app.example.com".');
  }
  const { maxCertificateNames } = LIMITS.gateway;
  if (names.length > maxCertificateNames) {
    throw refuse(
      "certificate",
      `It names ${names.length} hosts, at most ${maxCertificateNames} are taken.`,
      "Use several.",
    );
  }
  const type = keyTypeOf(leaf);
  const bits = leaf.publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  const isRsa = type.startsWith("RSA") && bits >= LIMITS.gateway.minRsaBits && bits <= LIMITS.gateway.maxRsaBits;
  if (isRsa || type === "P-256" || type === "P-384" || type === "Ed25519") return;
  const taken = `P-256, P-384, Ed25519, and RSA of ${LIMITS.gateway.minRsaBits} to ${LIMITS.gateway.maxRsaBits} bits`;
  throw refuse("certificate", `Its key is of a kind that is not taken (${type}).`, `Taken are ${taken}.`);
}

function readKey(pem: string): KeyObject {
  // What openssl writes before a key on a curve.
  const blocks = blocksIn(pem).filter(({ label }) => label !== "EC PARAMETERS");
  const [block] = blocks;
  if (block === undefined || blocks.length > 1) {
    const what = block === undefined ? "no key" : `${blocks.length} blocks`;
    throw refuse("key", `The file of the key has ${what} in PEM.`, "It has one block: -----BEGIN PRIVATE KEY-----.");
  }
  if (block.label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type: 4,ENCRYPTED/m.test(block.text)) {
    const hint = "Take the passphrase away: openssl pkey -in KEY -out PLAIN. It is sealed on disk here.";
    throw refuse("key", "The key is encrypted with a passphrase.", hint);
  }
  try {
    return createPrivateKey(block.text);
  } catch {
    // Without the cause: it may tell of the key.
    throw refuse("key", "The key cannot be read.", "It is PEM as openssl writes it: openssl pkey -in KEY");
  }
}

function assertOcsp(ocsp: string, leaf: X509Certificate, nowMs: number): void {
  const answer = ((): ReturnType<typeof ocspAnswerFor> => {
    try {
      return ocspAnswerFor(Buffer.from(ocsp, "base64"), leaf.raw);
    } catch (cause) {
      throw refuse("ocsp", `It is no OCSP response: ${reasonOf(cause)}.`, OCSP, cause);
    }
  })();
  if (answer === undefined) throw refuse("ocsp", "The OCSP response is for another certificate.", OCSP);
  if (answer.status !== "good")
    throw refuse("ocsp", `The OCSP response says that the certificate is ${answer.status}.`, OCSP);
  const { thisUpdateMs, nextUpdateMs = 0 } = answer;
  if (nowMs < nextUpdateMs && nowMs + LIMITS.gateway.clockToleranceMs >= thisUpdateMs) return;
  const until = nextUpdateMs === 0 ? "" : `: it was good from ${day(thisUpdateMs)} until ${day(nextUpdateMs)}`;
  throw refuse("ocsp", `The OCSP response is stale${until}.`, OCSP);
}

const CHAIN = "First the certificate of the host, then the one that issued it, and so on up; the root may be left out.";
const WEAK = "Common: a key or signature that is too weak today.";
const OCSP = "Like this: openssl ocsp -issuer CA.pem -cert CERT.pem -url URL -respout FILE";

/** How a person knows which one is meant. */
function place(certificate: X509Certificate): string {
  const [name] = namesOf(certificate);
  return name ?? JSON.stringify((certificate.subject ?? "").replaceAll("\n", ", ").slice(0, 80));
}

function reasonOf(error: unknown): string {
  const { reason, message } = error as { reason?: string; message?: string };
  return (reason ?? message ?? "it cannot be read").replace(/^error:[^:]*:[^:]*:[^:]*:/, "");
}

function dateOf(text: string): string {
  return day(Date.parse(text));
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function refuse(field: "certificate" | "key" | "ocsp", message: string, hint: string, cause?: unknown): SkerryError {
  return new SkerryError("invalid", message, { hint, details: { field: `spec.${field}` }, cause });
}
