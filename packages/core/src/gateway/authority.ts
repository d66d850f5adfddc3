/**
 * Our own certificate authority: a key and a certificate on disk, made at the first use, and certificates for host names,
 * made when a handshake names one and kept in memory. A restart makes them anew, so nothing expires while it is off.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  webcrypto,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Disk, Random } from "../domain/ports.ts";
import type { Certificate } from "./control.ts";

/** It takes 100 ms and 20 MB to load: only who makes a certificate pays. */
type X509 = typeof import("@peculiar/x509");

export interface AuthorityOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  /** Holds `authority.pem` (certificate) and `authority.key`. */
  readonly directory: string;
  /** Uid of the cloud, so that two authorities in one browser can be told apart. */
  readonly cluster: string;
}

interface Signer {
  readonly x509: X509;
  readonly authority: Certificate;
  readonly subject: string;
  readonly signingKey: webcrypto.CryptoKey;
  readonly authorityPublicKey: webcrypto.CryptoKey;
  /** One key for all host names of this process. */
  readonly hostKeyPem: string;
  readonly hostPublicKey: webcrypto.CryptoKey;
}

interface Kept {
  readonly certificate: Certificate;
  readonly madeMs: number;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

export class Authority {
  readonly #options: AuthorityOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #making = new Map<string, Promise<Certificate>>();
  #signer: Promise<Signer> | undefined;

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  /** The certificate that clients trust, PEM. */
  async certificate(): Promise<string> {
    return (await this.#open()).authority.certificate;
  }

  /** For host names or addresses, which the caller has checked; the first gives it its name. */
  async issue(first: string, ...others: readonly string[]): Promise<Certificate> {
    const host = [first, ...others].join(" ");
    const kept = this.#kept.get(host);
    const nowMs = this.#options.clock.wallMs();
    if (kept !== undefined && Math.abs(nowMs - kept.madeMs) < LIMITS.gateway.renewCertificateMs)
      return kept.certificate;
    const making = this.#making.get(host) ?? this.#make(host, [first, ...others]);
    this.#making.set(host, making);
    try {
      return await making;
    } finally {
      this.#making.delete(host);
    }
  }

  async #make(host: string, names: readonly string[]): Promise<Certificate> {
    const signer = await this.#open();
    const { x509 } = signer;
    const nowMs = this.#options.clock.wallMs();
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: this.#serial(),
      subject: [{ CN: [(names[0] ?? "").length <= 64 ? (names[0] ?? "") : "Skerry"] }],
      issuer: signer.subject,
      // Clocks of clients run behind.
      notBefore: new Date(nowMs - HOUR_MS),
      notAfter: new Date(nowMs + LIMITS.gateway.certificateMs),
      publicKey: signer.hostPublicKey,
      signingKey: signer.signingKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        await x509.SubjectKeyIdentifierExtension.create(signer.hostPublicKey),
        await x509.AuthorityKeyIdentifierExtension.create(signer.authorityPublicKey),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
        ),
      ],
    });
    const certificate = {
      certificate: `${made.toString("pem")}\n${signer.authority.certificate}`,
      key: signer.hostKeyPem,
    };
    this.#kept.delete(host);
    this.#kept.set(host, { certificate, madeMs: nowMs });
    if (this.#kept.size > LIMITS.gateway.maxCertificates) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    return certificate;
  }

  #open(): Promise<Signer> {
    this.#signer ??= this.#load().catch((error: unknown) => {
      this.#signer = undefined;
      throw error;
    });
    return this.#signer;
  }

  async #load(): Promise<Signer> {
    await import("reflect-metadata");
    const x509 = await import("@peculiar/x509");
    x509.cryptoProvider.set(webcrypto as never);
    const authority = (await this.#read()) ?? (await this.#create(x509));
    const key = createPrivateKey(authority.key);
    const host = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return {
      ...{ x509, authority },
      subject: new x509.X509Certificate(authority.certificate).subject,
      signingKey: await privateKeyOf(key),
      authorityPublicKey: await publicKeyOf(createPublicKey(key)),
      hostKeyPem: host.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      hostPublicKey: await publicKeyOf(host.publicKey),
    };
  }

  get #files(): { certificate: string; key: string } {
    const { directory } = this.#options;
    return { certificate: join(directory, "authority.pem"), key: join(directory, "authority.key") };
  }

  /** @throws `internal/corrupt` when the two do not belong together: another one would no longer be trusted by clients. */
  async #read(): Promise<Certificate | undefined> {
    const { disk } = this.#options;
    const { certificate: certificateFile, key: keyFile } = this.#files;
    const [certificate, key] = await Promise.all([readText(disk, certificateFile), readText(disk, keyFile)]);
    if (certificate === undefined) return undefined; // a key alone was never used
    try {
      const parsed = new X509Certificate(certificate);
      if (key !== undefined && parsed.checkPrivateKey(createPrivateKey(key))) return { certificate, key };
    } catch {
      // Told below.
    }
    throw new SkerryError("internal/corrupt", `${certificateFile} and ${keyFile} do not belong together.`, {
      hint: "Put both back from a backup. Without them: remove both, and a new authority is made that clients must trust anew.",
    });
  }

  async #create(x509: X509): Promise<Certificate> {
    const { disk, clock, cluster, directory } = this.#options;
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signing = await privateKeyOf(pair.privateKey);
    const publicKey = await publicKeyOf(pair.publicKey);
    const name = `CN=Skerry ${cluster.slice(0, 8)}, O=Skerry`;
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: this.#serial(),
      ...{ subject: name, issuer: name, publicKey, signingKey: signing, signingAlgorithm: ALGORITHM },
      notBefore: new Date(clock.wallMs() - HOUR_MS),
      notAfter: new Date(clock.wallMs() + LIMITS.gateway.authorityMs),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ],
    });
    const key = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const certificate = `${made.toString("pem")}\n`;
    await disk.makeDirectory(directory);
    // The key first: a certificate whose key is lost could not be used, and would be trusted already.
    await writeText(disk, this.#files.key, key);
    await writeText(disk, this.#files.certificate, certificate);
    await disk.syncDirectory(directory);
    return { certificate, key };
  }

  /** 127 bits, positive. */
  #serial(): string {
    const bytes = this.#options.random.bytes(16);
    bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
    return Buffer.from(bytes).toString("hex");
  }
}

function privateKeyOf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", new Uint8Array(der), ALGORITHM, true, ["sign"]);
}

function publicKeyOf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: "spki", format: "der" });
  return webcrypto.subtle.importKey("spki", new Uint8Array(der), ALGORITHM, true, ["verify"]);
}

async function readText(disk: Disk, path: string): Promise<string | undefined> {
  if ((await disk.stat(path)) === undefined) return undefined;
  await using file = await disk.open(path);
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  return bytes.toString();
}

/** Replaces the file as a whole; it is there when the directory has been synced. */
async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  await disk.remove(next).catch(() => undefined);
  {
    await using file = await disk.open(next, { write: true, create: "exclusive" });
    await file.write(Buffer.from(text), 0);
    await file.syncData();
  }
  await disk.rename(next, path);
}
