/** Connections that begin with the PROXY protocol: waits for its head, and gives them on as their client's. */
import type { Socket } from "node:net";
import { type Peer, readProxyHeader } from "./proxy-header.ts";

export interface AnnouncedLimits {
  readonly maxProxyHeaderBytes: number;
  readonly proxyHeaderMs: number;
}

export interface AnnouncedWorld {
  readonly limits: AnnouncedLimits;
  later(inMs: number, run: () => void): () => void;
}

export class Announced {
  readonly #socket: Socket;
  readonly #limits: AnnouncedLimits;
  /** False: it is gone, or what it said was no head and it was reset. */
  readonly #done: (isAnnounced: boolean) => void;
  readonly #callOff: () => void;
  #bytes: Buffer = Buffer.alloc(0);
  #isOver = false;

  constructor(world: AnnouncedWorld, socket: Socket, done: (isAnnounced: boolean) => void) {
    this.#socket = socket;
    this.#limits = world.limits;
    this.#done = done;
    this.#callOff = world.later(world.limits.proxyHeaderMs, () => this.cut());
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
  }

  cut(): void {
    this.#socket.resetAndDestroy();
    this.#end(false);
  }

  readonly #onEnd = (): void => this.cut();
  readonly #onClose = (): void => this.#end(false);

  readonly #onData = (bytes: Buffer): void => {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    const header = readProxyHeader(this.#bytes, this.#limits.maxProxyHeaderBytes);
    if (header === "more") return;
    if (header === "broken") return void this.cut();
    const socket = this.#socket;
    socket.pause();
    if (header.client !== undefined) setClient(socket, header.client);
    const rest = this.#bytes.subarray(header.bytes);
    if (rest.length > 0) socket.unshift(rest);
    this.#end(true);
  };

  #end(isAnnounced: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#callOff();
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onClose);
    this.#done(isAnnounced);
  }
}

/** From now on the socket is this client's, for all who ask it. */
function setClient(socket: Socket, { address, port }: Peer): void {
  Object.defineProperty(socket, "remoteAddress", { value: address });
  Object.defineProperty(socket, "remotePort", { value: port });
}

/** The same for a TLS socket, of the connection that it stands on. */
export function inheritClient(socket: Socket): void {
  const { _parent: parent } = socket as { _parent?: Socket };
  if (parent === undefined || !Object.hasOwn(parent, "remoteAddress")) return;
  setClient(socket, { address: parent.remoteAddress ?? "", port: parent.remotePort ?? 0 });
}
