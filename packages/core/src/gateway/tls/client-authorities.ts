/** Authorities and revocations of clients, looked at before a route has them: what is wrong is said with its place. */
import { verify, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { SkerryError } from "../../domain/errors.ts";
import type { ClientTls } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import { childrenOf, DER, elementAt, timeOf } from "../certificates/der.ts";
import { blocksIn } from "../certificates/pem.ts";

/** In one spelling. @throws `invalid`. */
export function checkClientTls({ mode, ca, crl }: ClientTls, nowMs: number): ClientTls {
  const authorities = readAuthorities(ca, nowMs);
  const canonical = authorities.map((one) => one.toString()).join("");
  if (crl === undefined || crl === "") return { mode, ca: canonical };
  const lists = readLists(crl, authorities, nowMs);
  const checked = { mode, ca: canonical, crl: lists };
  try {
    createSecureContext({ ca: canonical, crl: lists });
  } catch (cause) {
    throw refuse("crl", "TLS does not take the revocation list.", CRL, cause);
  }
  return checked;
}

function readAuthorities(pem: string, nowMs: number): X509Certificate[] {
  const blocks = blocksIn(pem);
  if (blocks.some(({ label }) => label !== "CERTIFICATE")) {
    throw refuse("ca", "Among the authorities is something else than a certificate.", CA);
  }
  const { maxClientAuthorities } = LIMITS.gateway;
  if (blocks.length === 0) throw refuse("ca", "There is no certificate of an authority in PEM.", CA);
  if (blocks.length > maxClientAuthorities) {
    throw refuse("ca", `There are ${blocks.length} authorities, and at most ${maxClientAuthorities} are taken.`, CA);
  }
  return blocks.map(({ text }, at) => {
    const one = readCertificate(text, at + 1);
    const what = `Certificate ${at + 1} of the file (${JSON.stringify((one.subject ?? "").replaceAll("\n", ", "))})`;
    if (!one.ca) throw refuse("ca", `${what} is no authority's.`, CA);
    if (nowMs >= Date.parse(one.validTo)) throw refuse("ca", `${what} has expired.`, CA);
    return one;
  });
}

function readCertificate(pem: string, number: number): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw refuse("ca", `Certificate ${number} of the file cannot be read.`, CA, cause);
  }
}

/** One of each authority: OpenSSL refuses everybody when one is missing, which is found out too late then. */
function readLists(pem: string, authorities: readonly X509Certificate[], nowMs: number): string {
  const blocks = blocksIn(pem);
  if (blocks.length === 0 || blocks.some(({ label }) => label !== "X509 CRL")) {
    throw refuse("crl", "It has no revocation list in PEM, or something besides.", CRL);
  }
  const missing = new Set(authorities);
  for (const [at, { text }] of blocks.entries()) {
    const what = `List ${at + 1} of the file`;
    let untilMs: number;
    let issuer: X509Certificate | undefined;
    try {
      untilMs = crlUntilMs(text);
      issuer = authorities.find((one) => isSignedBy(text, one));
    } catch (cause) {
      throw refuse("crl", `${what} cannot be read.`, CRL, cause);
    }
    if (issuer === undefined) throw refuse("crl", `${what} is signed by none of the authorities.`, CRL);
    if (nowMs >= untilMs)
      throw refuse("crl", `${what} is stale: a newer one was due ${new Date(untilMs).toISOString()}.`, CRL);
    missing.delete(issuer);
  }
  const [without] = missing;
  if (without !== undefined) {
    const subject = JSON.stringify((without.subject ?? "").replaceAll("\n", ", "));
    throw refuse(
      "crl",
      `There is no revocation list of the authority ${subject}.`,
      "One of each authority, in one file.",
    );
  }
  return `${blocks.map(({ text }) => text).join("\n")}\n`;
}

/** When the first of the lists is due to be replaced, in wall time. @throws when they are none. */
export function crlUntilMs(pem: string): number {
  const times = blocksIn(pem).map(({ text }) => {
    const der = derOf(text);
    const [body] = childrenOf(der, elementAt(der, 0, der.length));
    if (body === undefined) throw new RangeError("it is empty");
    const dates = childrenOf(der, body).filter(({ tag }) => tag === DER.utcTime || tag === DER.generalizedTime);
    return timeOf(der, dates[1]);
  });
  return Math.min(...times);
}

/** Object identifiers of signatures -> their digest; null: the signature's own. */
const DIGESTS: ReadonlyMap<string, string | null> = new Map([
  ["2a8648ce3d040302", "sha256"],
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
  ["2a864886f70d01010b", "sha256"],
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  ["2b6570", null],
]);

function isSignedBy(pem: string, { publicKey }: X509Certificate): boolean {
  const der = derOf(pem);
  const outer = elementAt(der, 0, der.length);
  const [body, algorithm, signature] = childrenOf(der, outer);
  if (body === undefined || algorithm === undefined || signature === undefined) return false;
  const [oid] = childrenOf(der, algorithm);
  const digest = DIGESTS.get(oid === undefined ? "" : der.toString("hex", oid.from, oid.to));
  if (digest === undefined) return false;
  try {
    // A bit string begins with how many bits its last byte lacks.
    return verify(digest, der.subarray(outer.from, body.to), publicKey, der.subarray(signature.from + 1, signature.to));
  } catch {
    return false;
  }
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]*-----/g, ""), "base64");
}

const CA = "The file has the authorities whose certificates count, in PEM.";
const CRL = "Made with openssl: openssl ca -gencrl -out FILE. With -crldays, and in PEM.";

function refuse(field: "ca" | "crl", message: string, hint: string, cause?: unknown): SkerryError {
  return new SkerryError("invalid", message, { hint, details: { field: `spec.clientTls.${field}` }, cause });
}
