/** The worker's TLS listener: each handshake gets the certificate of the name that it gives, or the default one. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { type Certificates, TLS_RULES } from "./worker-certificates.ts";

export interface TlsOptions {
  readonly certificates: Certificates;
  readonly ticketKeys: Buffer;
  /** After the handshake. */
  readonly accept: (socket: TLSSocket) => void;
}

/** Does not listen yet. */
export function createTlsListener({ certificates, ticketKeys, accept }: TlsOptions): Server {
  const secure = createTlsServer({
    ...TLS_RULES,
    ticketKeys,
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: LIMITS.gateway.handshakeMs,
    SNICallback: (name, done) => {
      certificates.forHandshake(name).then(
        (context) => done(null, context),
        (error: unknown) => done(error as Error),
      );
    },
  });
  // A handshake that fails is the client's affair.
  secure.on("tlsClientError", (_error, socket: TLSSocket) => socket.destroy());
  secure.on("secureConnection", accept);
  let used: unknown;
  const shakeHands = async (socket: Socket): Promise<void> => {
    const found = certificates.defaultOne();
    // Only the first one waits.
    const certificate = found instanceof Promise ? await found : found;
    if (certificate !== undefined && certificate !== used) {
      used = certificate;
      secure.setSecureContext({ cert: certificate.certificate, key: certificate.key, ticketKeys, ...TLS_RULES });
    }
    if (!socket.destroyed) secure.emit("connection", socket);
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    void shakeHands(socket);
  });
  // Those that still shake hands are counted here, and nowhere else.
  server.maxConnections = LIMITS.proxy.maxConnections;
  return server;
}
