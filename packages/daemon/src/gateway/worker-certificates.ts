/**
 * Certificates of a worker: asked of the daemon once for each name that a route serves, and kept. A handshake that names
 * nothing, or what no route serves, gets the default one, so that the answer can say what is wrong; asked for at the first
 * handshake, because making one loads a library that nobody else needs.
 */
import type { Server } from "node:net";
import { coversName, nameAbove } from "@skerry/core/domain/certificates.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { GivenCertificate } from "@skerry/core/gateway/control.ts";

/** How the default certificate is asked for. */
const DEFAULT_NAME = "";
/** A host name as routes have them; anything else is nobody's. */
const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

type Told = (server: Server | undefined) => void;

interface Waiting {
  readonly askedMs: number;
  readonly told: Told[];
}

interface Kept {
  readonly certificate: GivenCertificate;
  /** Monotonic. */
  readonly untilMs: number;
  /** Made at the first use. */
  server: Server | undefined;
}

export interface CertificatesOptions {
  readonly nowMs: () => number;
  /** Asks the daemon; the answer comes to `take`. */
  readonly ask: (name: string) => void;
  /** The host of the routes that serve a name: the name itself or `*.above.it`. */
  readonly servedAs: (name: string) => string | undefined;
  /** Id of the terms under which the host asks for certificates of clients. */
  readonly termsOf: (host: string) => string | undefined;
  /** What makes the handshakes with a certificate. */
  readonly serverFor: (certificate: GivenCertificate) => Server;
}

export class Certificates {
  readonly #options: CertificatesOptions;
  readonly #kept = new Map<string, Kept>();
  /** Those that have a server: it takes ten times the memory of what it is made of. The oldest is first. */
  readonly #made = new Set<Kept>();
  readonly #waiting = new Map<string, Waiting>();
  #secondMs = 0;
  #askedInSecond = 0;

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  /** What makes the handshake for the name that it gives; at once when it is there. Undefined: there is no certificate at all. */
  forHandshake(serverName: string): Server | undefined | Promise<Server | undefined> {
    const name = serverName.toLowerCase().replace(/\.$/, "");
    const host = NAME.test(name) ? this.#options.servedAs(name) : undefined;
    const key = this.#keyOf(name, host);
    const kept = this.#current(key, host);
    if (kept !== undefined) return this.#serverOf(kept);
    return this.#ask(key).then((server) => {
      if (server === undefined) return key === DEFAULT_NAME ? undefined : this.forHandshake("");
      // Only now it is known which names below a wildcard are certified apart.
      return this.#isApart(name, host) && key !== name ? this.forHandshake(name) : server;
    });
  }

  /** Under which name the certificate is kept. */
  #keyOf(name: string, host: string | undefined): string {
    if (host === undefined) return DEFAULT_NAME;
    if (host === name) return host;
    if (nameAbove(name) === host.slice(2)) return this.#isApart(name, host) ? name : host;
    // Two and more labels below a wildcard: no certificate of the wildcard covers it, and anybody can make up many.
    return this.#kept.has(name) || this.#mayAsk() ? name : DEFAULT_NAME;
  }

  #isApart(name: string, host: string | undefined): boolean {
    return host !== undefined && this.#kept.get(host)?.certificate.apart?.includes(name) === true;
  }

  /** Not what is too old, nor what was given under other terms than the routes have now. */
  #current(key: string, host: string | undefined): Kept | undefined {
    const kept = this.#kept.get(key);
    const terms = host === undefined || key === DEFAULT_NAME ? undefined : this.#options.termsOf(host);
    if (kept?.certificate.clients?.id !== terms) return undefined;
    return kept === undefined || this.#options.nowMs() >= kept.untilMs ? undefined : kept;
  }

  #serverOf(kept: Kept): Server {
    if (kept.server === undefined) {
      kept.server = this.#options.serverFor(kept.certificate);
      this.#made.add(kept);
      const [oldest] = this.#made;
      if (this.#made.size > LIMITS.gateway.maxHandshakeContexts && oldest !== undefined) this.#unmake(oldest);
    }
    return kept.server;
  }

  /** Handshakes under way go on. */
  #unmake(kept: Kept | undefined): void {
    if (kept === undefined) return;
    kept.server = undefined;
    this.#made.delete(kept);
  }

  #drop(name: string): void {
    this.#unmake(this.#kept.get(name));
    this.#kept.delete(name);
  }

  /** Undefined when none could be had. */
  #ask(name: string): Promise<Server | undefined> {
    const nowMs = this.#options.nowMs();
    const { promise, resolve } = Promise.withResolvers<Server | undefined>();
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

  take(name: string, certificate: GivenCertificate | undefined): void {
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    let server: Server | undefined;
    if (certificate !== undefined) {
      const { renewCertificateMs } = LIMITS.gateway;
      const forMs = Math.min(certificate.forMs ?? renewCertificateMs, renewCertificateMs);
      const kept: Kept = { certificate, untilMs: this.#options.nowMs() + forMs, server: undefined };
      this.#drop(name);
      this.#kept.set(name, kept);
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > LIMITS.gateway.maxCertificates && oldest !== undefined) this.#drop(oldest);
      // Nobody waits: it was asked for in advance, or too long ago.
      if (waiting !== undefined) server = this.#serverOf(kept);
    }
    for (const told of waiting?.told ?? []) told(server);
  }

  /** Names whose certificates are asked for anew. Connections that are there go on. */
  forget(names: readonly string[]): void {
    for (const kept of this.#kept.keys()) {
      const isMeant = (name: string) => name === kept || coversName(kept, name) || isBelow(kept, name);
      if (names.some(isMeant)) this.#drop(kept);
    }
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

/** `a.b.c` is below `*.c`, too. */
function isBelow(name: string, wildcard: string): boolean {
  return wildcard.startsWith("*.") && name.endsWith(wildcard.slice(1));
}
