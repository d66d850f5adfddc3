/**
 * The worker's TLS listener. The name of a handshake is read before it begins, and all of it, tickets too, runs in a server
 * of that name's own: what was agreed for one name is worth nothing for another (as nginx had it, CVE-2025-23419).
 */
import { createHash, hkdfSync } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions as NodeTlsOptions, type TLSSocket } from "node:tls";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { GivenCertificate } from "@skerry/core/gateway/control.ts";
import { readClientHello } from "@skerry/core/gateway/tls/client-hello.ts";
import {
  countHandshake,
  type HandshakeCounts,
  type HandshakeFailure,
  handshakeFailureOf,
} from "@skerry/core/gateway/tls/handshake-counts.ts";
import type { ClientTerms, Shown } from "@skerry/core/gateway/tls/peer.ts";
import { ALPN_PROTOCOLS, TLS_RULES, TLS_VERSIONS, type TlsVersion } from "@skerry/core/gateway/tls/rules.ts";
import type { Certificates } from "./worker-certificates.ts";

/** As Node takes them. */
const TICKET_KEY_BYTES = 48;
const BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ";
const NOT_PLAIN = "This port takes HTTPS; plain HTTP has another one.\n";

export interface HandshakeOptions {
  /** The same in all workers. */
  readonly ticketSecret: Buffer;
  readonly minVersion: TlsVersion;
  readonly counts: HandshakeCounts;
  /** After the handshake. */
  readonly accept: (socket: TLSSocket, shown: Shown | undefined) => void;
}

/** What makes the handshakes for one name. It listens nowhere: sockets are given to it. */
export function createHandshakes(certificate: GivenCertificate, options: HandshakeOptions): Server {
  const { certificate: cert, key, clients } = certificate;
  const settings: NodeTlsOptions = {
    ...TLS_RULES,
    ...{ cert, key, minVersion: TLS_VERSIONS[options.minVersion] },
    ticketKeys: ticketKeysOf(certificate, options.ticketSecret),
    ALPNProtocols: [...ALPN_PROTOCOLS],
    handshakeTimeout: LIMITS.gateway.handshakeMs,
    ...(clients === undefined ? {} : clientSettings(clients)),
  };
  const server = createTlsServer(settings, (socket) => {
    countHandshake(options.counts, socket.getProtocol(), socket.isSessionReused());
    options.accept(socket, clients && shownBy(socket, clients));
  });
  const { ocsp } = certificate;
  // Only where there is one: each listener makes every handshake dearer.
  if (ocsp !== undefined) server.on("OCSPRequest", (_own, _issuer, give) => give(null, Buffer.from(ocsp, "base64")));
  // A handshake that fails is the client's affair.
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    options.counts.failed[handshakeFailureOf(error.code)]++;
    socket.destroy();
  });
  return server;
}

/** A handshake without a good certificate goes on: the answer can say what is wrong, and other routes may need none. */
function clientSettings({ ca, crl }: ClientTerms): NodeTlsOptions {
  return {
    ...{ ca, requestCert: true, rejectUnauthorized: false, allowPartialTrustChain: true },
    ...(crl === undefined ? {} : { crl }),
  };
}

/** A session that was resumed tells the same: its ticket is worth nothing under other terms. */
function shownBy(socket: TLSSocket, { id, crlUntilMs }: ClientTerms): Shown {
  const found = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  if (found === undefined) return { termsId: id, untilMs: 0 };
  const untilMs = Math.min(Date.parse(found.validTo), crlUntilMs ?? Number.POSITIVE_INFINITY);
  return { termsId: id, certificate: found.raw, untilMs };
}

/** Sessions end with what they were made under: another certificate, or other terms, take no ticket of those before. */
function ticketKeysOf({ certificate, clients }: GivenCertificate, secret: Buffer): Buffer {
  const under = createHash("sha256")
    .update(certificate)
    .update(`\0${clients?.id ?? ""}`)
    .digest();
  return Buffer.from(hkdfSync("sha256", secret, "", under, TICKET_KEY_BYTES));
}

/** Does not listen yet. */
export function createTlsListener(certificates: Certificates, counts: HandshakeCounts): Server {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    new Arrival(socket, certificates, counts);
  });
  // Those that still shake hands are counted here, and nowhere else.
  server.maxConnections = LIMITS.proxy.maxConnections;
  return server;
}

/** A connection until its ClientHello is whole. */
class Arrival {
  readonly #socket: Socket;
  readonly #certificates: Certificates;
  readonly #counts: HandshakeCounts;
  readonly #deadline: NodeJS.Timeout;
  #bytes: Buffer | undefined;
  /** It is not with those who make its handshake. */
  #isArriving = true;
  readonly #read = (): void => this.#take();
  readonly #giveUp = (): void => this.#fail("closed");

  constructor(socket: Socket, certificates: Certificates, counts: HandshakeCounts) {
    this.#socket = socket;
    this.#certificates = certificates;
    this.#counts = counts;
    this.#deadline = setTimeout(() => this.#fail("timeout"), LIMITS.gateway.handshakeMs);
    socket.on("error", this.#giveUp);
    socket.on("end", this.#giveUp);
    socket.on("readable", this.#read);
  }

  #fail(why: HandshakeFailure): void {
    clearTimeout(this.#deadline);
    if (this.#isArriving) this.#counts.failed[why]++;
    this.#isArriving = false;
    this.#socket.destroy();
  }

  #take(): void {
    const socket = this.#socket;
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    const bytes = this.#bytes === undefined ? chunk : Buffer.concat([this.#bytes, chunk]);
    const hello = readClientHello(bytes, LIMITS.gateway);
    if (hello === "more") this.#bytes = bytes;
    else if (hello === "none") this.#refuse(bytes);
    // What cannot be read gets the alert that says so from OpenSSL.
    else this.#pass(hello === "broken" ? "" : (hello.serverName ?? ""), bytes);
  }

  #pass(name: string, bytes: Buffer): void {
    const socket = this.#socket;
    clearTimeout(this.#deadline);
    socket.removeListener("readable", this.#read);
    socket.removeListener("end", this.#giveUp);
    socket.unshift(bytes);
    const found = this.#certificates.forHandshake(name);
    if (!(found instanceof Promise)) this.#shakeHands(found);
    else void found.then((server) => this.#shakeHands(server)).catch(this.#giveUp);
  }

  #shakeHands(server: Server | undefined): void {
    if (server === undefined) this.#fail("no-certificate");
    else if (!this.#socket.destroyed) {
      this.#isArriving = false;
      server.emit("connection", this.#socket);
    }
  }

  /** Who mistook the port hears it in words. */
  #refuse(bytes: Buffer): void {
    clearTimeout(this.#deadline);
    this.#counts.failed["not-tls"]++;
    this.#isArriving = false;
    if (/^[A-Z]{3,8} [/*h]/.test(bytes.toString("latin1", 0, 10))) {
      this.#socket.end(`${BAD_REQUEST}${NOT_PLAIN.length}\r\n\r\n${NOT_PLAIN}`);
      this.#socket.removeListener("readable", this.#read);
      this.#socket.resume();
      this.#socket.setTimeout(LIMITS.proxy.lingerMs, this.#giveUp);
    } else this.#socket.destroy();
  }
}
