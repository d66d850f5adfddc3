/**
 * Node gives an accepted socket a new 64 KiB buffer for each read, which costs a fifteenth of all CPU of small requests.
 * Only sockets that are made with `onread` read into a buffer of ours: so the connection moves to such a one.
 */
import { type OnReadOpts, type Server, Socket } from "node:net";

/** What Node 26 keeps in a socket besides what its types say. */
interface Inside {
  _handle: { useUserBuffer?: unknown } | null;
  /** The server that counts its open connections. */
  _server: Server | null;
}

/**
 * The connection of `socket` in a socket that reads as `onread` says; `socket` has none afterwards. One that does not
 * stand on a plain handle (TLS) stays as it is, and is read with `push`.
 */
export function adopt(socket: Socket, onread: OnReadOpts): Socket {
  const old = socket as Socket & Inside;
  const handle = old._handle;
  if ("encrypted" in socket || typeof handle?.useUserBuffer !== "function" || socket.readableLength > 0) return socket;
  old._handle = null;
  const adopted = new Socket({ handle, onread, allowHalfOpen: true } as object) as Socket & Inside;
  adopted._server = old._server;
  old._server = null;
  return adopted;
}
