/** How the gateway speaks TLS with clients: versions, cipher suites, protocols. Each in one place. */
import { constants } from "node:crypto";

export const TLS_VERSIONS = { "1.2": "TLSv1.2", "1.3": "TLSv1.3" } as const;
/** The oldest version that is spoken. */
export type TlsVersion = keyof typeof TLS_VERSIONS;

/** What is spoken inside, best first. */
export const ALPN_PROTOCOLS = ["h2", "http/1.1"] as const;

/** Forward secrecy and authenticated encryption only. Those of 1.3, then those of 1.2. */
const CIPHERS = [
  ...["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"],
  ...["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ...["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
  ...["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
].join(":");

/** For every handshake. Renegotiation costs the server more than the client, and nobody needs it. */
export const TLS_RULES = {
  ciphers: CIPHERS,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
} as const;
