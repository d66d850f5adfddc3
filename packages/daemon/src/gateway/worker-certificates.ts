/**
 * Certificates of a worker: asked of the daemon once for each name that a route serves, and kept. A handshake that names
 * nothing, or what no route serves, gets the default one, so that the answer can say what is wrong; asked for at the first
 * handshake, because making one loads a library that nobody else needs.
 */
import { constants } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Certificate } from "@skerry/core/gateway/control.ts";

/** For every handshake. Renegotiation costs the server more than the client, and nobody needs it. */
export const TLS_RULES = { minVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const;

/** How the default certificate is asked for. */
const DEFAULT_NAME = "";

type Told = (certificate: Certificate | undefined) => void;

interface Waiting {
  readonly askedMs: number;
  readonly told: Told[];
}

interface Kept {
  readonly certificate: Certificate;
  readonly madeMs: number;
  /** Made at the first use. */
  context: SecureContext | undefined;
}

export interface CertificatesOptions {
  readonly nowMs: () => number;
  /** Asks the daemon; the answer comes to `take`. */
  readonly ask: (name: string) => void;
  /** The host of the routes that serve a name: the name itself or `*.above.it`. */
  readonly servedAs: (name: string) => string | undefined;
}

export class Certificates {
  readonly #options: CertificatesOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #waiting = new Map<string, Waiting>();
  #secondMs = 0;
  #askedInSecond = 0;

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  /** For the name of a handshake; undefined: the default one. */
  async forHandshake(serverName: string): Promise<SecureContext | undefined> {
    const name = serverName.toLowerCase().replace(/\.$/, "");
    const host = this.#options.servedAs(name);
    if (host === undefined) return undefined;
    if (host === name || name.slice(name.indexOf(".") + 1) === host.slice(2)) return this.#context(host);
    // Two and more labels below a wildcard: no certificate of the wildcard covers it, and anybody can make up many.
    return this.#kept.has(name) || this.#mayAsk() ? this.#context(name) : undefined;
  }

  /** At once when it is there. */
  defaultOne(): Promise<Certificate | undefined> | Certificate {
    return this.#find(DEFAULT_NAME);
  }

  async #context(name: string): Promise<SecureContext | undefined> {
    const certificate = await this.#find(name);
    if (certificate === undefined) return undefined;
    const kept = this.#kept.get(name);
    if (kept?.context !== undefined) return kept.context;
    const { certificate: cert, key } = certificate;
    const context = createSecureContext({ cert, key, ...TLS_RULES });
    if (kept !== undefined) kept.context = context;
    return context;
  }

  /** Undefined when none could be had. */
  #find(name: string): Promise<Certificate | undefined> | Certificate {
    const nowMs = this.#options.nowMs();
    const kept = this.#kept.get(name);
    if (kept !== undefined && nowMs - kept.madeMs < LIMITS.gateway.renewCertificateMs) return kept.certificate;
    const { promise, resolve } = Promise.withResolvers<Certificate | undefined>();
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined && nowMs - waiting.askedMs < LIMITS.gateway.handshakeMs) {
      waiting.told.push(resolve);
      return promise;
    }
    if (waiting === undefined && this.#waiting.size >= LIMITS.gateway.maxWaitingCertificates) resolve(undefined);
    else {
      for (const told of waiting?.told ?? []) told(undefined);
      this.#waiting.set(name, { askedMs: nowMs, told: [resolve] });
      this.#options.ask(name);
    }
    return promise;
  }

  take(name: string, certificate: Certificate | undefined): void {
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    if (certificate !== undefined) {
      this.#kept.delete(name);
      this.#kept.set(name, { certificate, madeMs: this.#options.nowMs(), context: undefined });
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > LIMITS.gateway.maxCertificates && oldest !== undefined) this.#kept.delete(oldest);
    }
    for (const told of waiting?.told ?? []) told(certificate);
  }

  #mayAsk(): boolean {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#secondMs >= 1000) {
      this.#secondMs = nowMs;
      this.#askedInSecond = 0;
    }
    return ++this.#askedInSecond <= LIMITS.gateway.deepCertificatesPerSecond;
  }
}
