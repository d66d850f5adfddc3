/** Authorities for tests: certificates of any kind, good and bad. */
import { generateKeyPairSync, type KeyObject, webcrypto } from "node:crypto";

export interface TestCertificate {
  /** PEM: the certificate, then those above it, without the root. */
  readonly certificate: string;
  readonly key: string;
  /** Hex. */
  readonly serial: string;
}

export interface Wished {
  readonly names?: readonly string[];
  readonly subject?: string;
  /** From now. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Default: server. */
  readonly use?: "server" | "client" | "any";
}

export interface TestAuthority {
  /** PEM, of the root. */
  readonly certificate: string;
  /** PEM, its own. */
  readonly key: string;
  issue(wished: Wished): Promise<TestCertificate>;
  /** PEM. */
  revoke(serials: readonly string[], toMs?: number): Promise<string>;
  /** An authority under this one: what it issues has it in its chain. */
  below(name: string): Promise<TestAuthority>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

/** What a pair of keys is for `@peculiar/x509`. */
async function newKeys() {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const of = (key: KeyObject, type: "pkcs8" | "spki", use: "sign" | "verify") =>
    webcrypto.subtle.importKey(type, new Uint8Array(key.export({ type, format: "der" })), ALGORITHM, true, [use]);
  return {
    privateKey: await of(pair.privateKey, "pkcs8", "sign"),
    publicKey: await of(pair.publicKey, "spki", "verify"),
    pem: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
type Keys = Awaited<ReturnType<typeof newKeys>>;

async function loadX509() {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as never);
  return x509;
}

export async function makeAuthority(name: string): Promise<TestAuthority> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const made = await certificateOf({
    subject: `CN=${name}`,
    keys,
    signer: { subject: `CN=${name}`, keys },
    isAuthority: true,
  });
  return authorityOf(x509, { subject: `CN=${name}`, keys, root: made, chain: "" });
}

interface Parts {
  readonly subject: string;
  readonly keys: Keys;
  readonly root: string;
  /** Between what it issues and the root. */
  readonly chain: string;
}

let serials = 0x1000;

async function certificateOf(wished: {
  readonly subject: string;
  readonly keys: Keys;
  readonly signer: { readonly subject: string; readonly keys: Keys };
  readonly isAuthority?: boolean;
  readonly serial?: string;
  readonly more?: Wished;
}): Promise<string> {
  const x509 = await loadX509();
  const { subject, keys, signer, isAuthority = false, serial = (++serials).toString(16), more = {} } = wished;
  const nowMs = Date.now();
  const usage = { server: ["1.3.6.1.5.5.7.3.1"], client: ["1.3.6.1.5.5.7.3.2"], any: [] }[more.use ?? "server"];
  const made = await x509.X509CertificateGenerator.create({
    ...{ serialNumber: serial, subject, issuer: signer.subject },
    notBefore: new Date(nowMs + (more.fromMs ?? -DAY_MS)),
    notAfter: new Date(nowMs + (more.toMs ?? 90 * DAY_MS)),
    publicKey: keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, true),
      ...(isAuthority || usage.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(usage)]),
      ...(more.names === undefined || more.names.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(more.names.map((value) => ({ type: "dns" as const, value })))]),
    ],
  });
  return `${made.toString("pem")}\n`;
}

function authorityOf(x509: typeof import("@peculiar/x509"), parts: Parts): TestAuthority {
  return {
    certificate: parts.root,
    key: parts.keys.pem,
    async issue(wished) {
      const keys = await newKeys();
      const serial = (++serials).toString(16);
      const subject = wished.subject ?? `CN=${wished.names?.[0] ?? "nobody"}`;
      const leaf = await certificateOf({ subject, keys, signer: parts, serial, more: wished });
      return { certificate: leaf + parts.chain, key: keys.pem, serial };
    },
    async revoke(revoked, toMs = DAY_MS) {
      const made = await x509.X509CrlGenerator.create({
        issuer: parts.subject,
        thisUpdate: new Date(Date.now() - DAY_MS),
        nextUpdate: new Date(Date.now() + toMs),
        signingAlgorithm: ALGORITHM,
        signingKey: parts.keys.privateKey,
        entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: new Date() })),
      });
      // As openssl names it.
      return `${made.toString("pem").replaceAll(" CRL-", " X509 CRL-")}\n`;
    },
    async below(name) {
      const keys = await newKeys();
      const subject = `CN=${name}`;
      const own = await certificateOf({ subject, keys, signer: parts, isAuthority: true });
      return authorityOf(x509, { subject, keys, root: parts.root, chain: own + parts.chain });
    },
  };
}
