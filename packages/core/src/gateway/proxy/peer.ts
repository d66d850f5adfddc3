/** Who is at the other end of a client's connection. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

export interface Peer {
  /** Without the prefix of IPv4 addresses in IPv6. */
  readonly address: string;
  readonly protocol: "HTTP/1.1" | "HTTP/2";
  /** `TLSv1.3`; undefined without TLS. */
  readonly tls: string | undefined;
}

export function peerOf(socket: Socket | TLSSocket, protocol: Peer["protocol"]): Peer {
  return {
    address: (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, ""),
    protocol,
    tls: "getProtocol" in socket ? (socket.getProtocol() ?? undefined) : undefined,
  };
}
