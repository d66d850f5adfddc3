/** OCSP responses (RFC 6960), as far as it matters here: for which certificate, what they say of it, until when. */
import { createHash } from "node:crypto";
import { childrenOf, contentOf, DER, type Element, elementAt, timeOf } from "./der.ts";

export interface OcspAnswer {
  readonly status: "good" | "revoked" | "unknown";
  readonly thisUpdateMs: number;
  /** Absent: newer information is always to be had, so that it is stale at once. */
  readonly nextUpdateMs?: number;
}

const HASHES: Readonly<Record<string, string>> = {
  "2b0e03021a": "sha1",
  "608648016503040201": "sha256",
  "608648016503040202": "sha384",
  "608648016503040203": "sha512",
};
const OID = 0x06;
const ENUMERATED = 0x0a;
const SUCCESSFUL = 0;
const STATUSES: Readonly<Record<number, OcspAnswer["status"]>> = { 128: "good", 161: "revoked", 130: "unknown" };

/**
 * What the response says of the certificate; undefined when it is for others only. Its signature is for clients to verify.
 *
 * @param response DER
 * @param certificate DER
 * @throws `RangeError` when it is no such response
 */
export function ocspAnswerFor(response: Buffer, certificate: Buffer): OcspAnswer | undefined {
  const own = identityOf(certificate);
  for (const single of childrenOf(response, responsesOf(response))) {
    const [id, status, thisUpdate, next] = childrenOf(response, single);
    if (id === undefined || status === undefined || !isFor(response, id, own)) continue;
    const nextUpdate = next?.tag === DER.first ? childrenOf(response, next)[0] : undefined;
    const said = STATUSES[status.tag];
    if (said === undefined) throw new RangeError("a status that cannot be");
    return {
      status: said,
      thisUpdateMs: timeOf(response, thisUpdate),
      ...(nextUpdate === undefined ? {} : { nextUpdateMs: timeOf(response, nextUpdate) }),
    };
  }
  return undefined;
}

/** The list of single responses. */
function responsesOf(response: Buffer): Element {
  const [status, wrapped] = childrenOf(response, sequence(elementAt(response, 0, response.length)));
  if (contentOf(response, status, ENUMERATED)[0] !== SUCCESSFUL)
    throw new RangeError("the responder refused to answer");
  if (wrapped?.tag !== DER.first) throw new RangeError("it has no answer");
  const [, octets] = childrenOf(response, sequence(childrenOf(response, wrapped)[0]));
  contentOf(response, octets, DER.octets);
  const { from, to } = octets as Element;
  const [data] = childrenOf(response, sequence(elementAt(response, from, to)));
  // Version and responder before it, extensions behind it.
  const list = childrenOf(response, sequence(data)).find(({ tag }) => tag === DER.sequence);
  return sequence(list);
}

interface Identity {
  readonly serial: Buffer;
  /** DER of the issuer's name. */
  readonly issuer: Buffer;
}

function identityOf(certificate: Buffer): Identity {
  const [body] = childrenOf(certificate, sequence(elementAt(certificate, 0, certificate.length)));
  const parts = childrenOf(certificate, sequence(body)).filter(({ tag }) => tag !== DER.first);
  const [serial, algorithm, issuer] = parts;
  return {
    serial: contentOf(certificate, serial, DER.integer),
    // With its own head, which begins where the algorithm ends.
    issuer: certificate.subarray(sequence(algorithm).to, sequence(issuer).to),
  };
}

function isFor(response: Buffer, id: Element, own: Identity): boolean {
  const [algorithm, nameHash, , serial] = childrenOf(response, sequence(id));
  const [oid] = childrenOf(response, sequence(algorithm));
  const hash = HASHES[contentOf(response, oid, OID).toString("hex")];
  if (hash === undefined || !contentOf(response, serial, DER.integer).equals(own.serial)) return false;
  return contentOf(response, nameHash, DER.octets).equals(createHash(hash).update(own.issuer).digest());
}

function sequence(element: Element | undefined): Element {
  if (element?.tag !== DER.sequence) throw new RangeError("another element than expected");
  return element;
}
