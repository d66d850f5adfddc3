/** What a certificate is made of, from files. */
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { readBytesFile } from "../../prompts/secret-file.ts";
import type { Invocation } from "../command.ts";

export const CERTIFICATE_FILES = {
  cert: { type: "string", describe: "Its file (PEM), with those above it behind it; - for standard input" },
  key: { type: "string", describe: "The file of its key (PEM, without a passphrase); - for standard input" },
  ocsp: { type: "string", describe: "The file of an OCSP response (DER) that clients are given along" },
} as const;

export interface CertificateFiles {
  readonly certificate?: string;
  readonly key?: string;
  readonly ocsp?: string;
}

/** @throws `not_found`, `forbidden`, `invalid/too-large`. */
export async function readCertificateFiles(
  { terminal }: Invocation,
  { cert, key, ocsp }: { readonly [K in keyof typeof CERTIFICATE_FILES]?: string | undefined },
): Promise<CertificateFiles> {
  const { maxChainLength, maxKeyLength, maxOcspLength } = LIMITS.gateway;
  const read = (path: string, flag: string, most: number) => readBytesFile(path, flag, terminal.stdin, most);
  return {
    ...(cert === undefined ? {} : { certificate: (await read(cert, "--cert", maxChainLength)).toString("latin1") }),
    ...(key === undefined ? {} : { key: (await read(key, "--key", maxKeyLength)).toString("latin1") }),
    ...(ocsp === undefined ? {} : { ocsp: (await read(ocsp, "--ocsp", maxOcspLength)).toString("base64") }),
  };
}
