/** TLS with upstreams: verified unless the route says otherwise, contexts and sessions kept for the next connection. */
import { isIP } from "node:net";
import {
  type ConnectionOptions,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { SkerryError } from "../../domain/errors.ts";
import type { Backend, UpstreamTlsRule } from "../table.ts";
import type { ProxyOptions } from "./context.ts";

type TcpBackend = Extract<Backend, { kind: "tcp" }>;

interface Agreed {
  readonly session: Buffer;
  /** When the upstream was last verified in full. */
  readonly verifiedMs: number;
}

/** Making one reads all authorities, which takes longer than a handshake. By rule, or by the options of the proxy. */
const contexts = new WeakMap<object, SecureContext>();
/** Of the backend of one pool: what was agreed under one rule is no other's. */
const sessions = new WeakMap<Backend, Agreed>();

/** `alpn`: what is offered. */
export function upstreamTlsOptions(
  backend: TcpBackend,
  options: ProxyOptions,
  alpn: readonly string[],
): ConnectionOptions {
  const { tlsRule } = backend;
  const host = backend.host.replace(/^\[(.*)\]$/, "$1");
  // Of the name that the route says, not of the address that it led to.
  const serverName = tlsRule?.serverName ?? (isIP(host) === 0 ? host : undefined);
  const agreed = sessions.get(backend);
  const isFresh = agreed !== undefined && options.monotonicMs() - agreed.verifiedMs < options.limits.upstreamAgeMs;
  return {
    ALPNProtocols: [...alpn],
    secureContext: contextOf(tlsRule, options),
    rejectUnauthorized: tlsRule?.verify ?? true,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(isFresh ? { session: agreed.session } : {}),
  };
}

/** Keeps what the next connection to the same backend may go on with. */
export function keepSession(backend: TcpBackend, socket: TLSSocket, { monotonicMs }: ProxyOptions): void {
  socket.on("session", (session) => {
    const before = socket.isSessionReused() ? sessions.get(backend) : undefined;
    sessions.set(backend, { session, verifiedMs: before?.verifiedMs ?? monotonicMs() });
  });
}

function contextOf(rule: UpstreamTlsRule | undefined, options: ProxyOptions): SecureContext {
  const key = rule ?? options;
  let context = contexts.get(key);
  if (context === undefined) {
    const { upstreamCa } = options;
    const trusted = rule?.ca ?? (upstreamCa === undefined ? undefined : [...rootCertificates, ...upstreamCa]);
    context = createSecureContext({
      ...(trusted === undefined ? {} : { ca: trusted }),
      ...(rule?.ca === undefined ? {} : { allowPartialTrustChain: true }),
      ...(rule?.certificate === undefined ? {} : { cert: rule.certificate.certificate, key: rule.certificate.key }),
    });
    contexts.set(key, context);
  }
  return context;
}

const MESSAGES: readonly (readonly [code: RegExp, message: string, hint: string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO/,
    "The upstream's certificate is of no authority that is trusted here.",
    "Give the route the authority's certificate: skerry route update NAME --upstream-ca FILE.",
  ],
  [
    /ALTNAME/,
    "The upstream's certificate is of another name.",
    "Say its name: skerry route update NAME --upstream-name HOST.",
  ],
  [/EXPIRED|NOT_YET/, "The upstream's certificate has expired, or is not good yet.", "The upstream needs another one."],
  [
    /CERT|ERR_TLS|ERR_SSL|EPROTO/,
    "The TLS handshake with the upstream failed.",
    "Look whether it speaks TLS 1.2 or 1.3 there.",
  ],
];

/** What may be told to an outsider: why, never where. Undefined: it is not about TLS. */
export function upstreamTlsError(cause: Error & { code?: string }): SkerryError | undefined {
  const found = MESSAGES.find(([code]) => code.test(cause.code ?? ""));
  return found && new SkerryError("unavailable/upstream-tls", found[1], { hint: found[2], cause });
}
