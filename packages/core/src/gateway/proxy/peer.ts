/** Who is at the other end of a client's connection. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Peer, Shown } from "../tls/peer.ts";

/** `tls`: after a handshake, which has got `shown` where it asked for a certificate. */
export function peerOf(socket: Socket | TLSSocket, tls: boolean, shown: Shown | undefined): Peer {
  const version = "getProtocol" in socket ? socket.getProtocol() : undefined;
  return {
    address: (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, ""),
    protocol: "alpnProtocol" in socket && socket.alpnProtocol === "h2" ? "HTTP/2" : "HTTP/1.1",
    tls: tls ? (version ?? "TLS") : undefined,
    shown,
  };
}
