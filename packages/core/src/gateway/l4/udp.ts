/**
 * UDP routes: who sends from one address and port has a session, with a socket of its own to the backend, so that answers
 * find back to it, from the port that was asked. Which worker has a client is the kernel's choice, by the same address.
 */
import { isIP } from "node:net";
import { addressesOf, type DialWorld, openUdp, type UdpSocket } from "./dial.ts";
import type { L4Counters, L4Entry } from "./entry.ts";

export interface UdpLimits {
  readonly maxSessions: number;
  readonly maxRouteSessions: number;
  /** A session without an answer goes after this, and when there is no room for another. */
  readonly unansweredMs: number;
  readonly sessionIdleMs: number;
  /** Datagrams that wait for the backend's name to be resolved. */
  readonly maxEarlyDatagrams: number;
}

export interface UdpWorld {
  readonly limits: UdpLimits;
  readonly dial: DialWorld;
  readonly coarseMs: number;
}

/** A bound socket of a route's port. */
export interface UdpListener {
  send(bytes: Uint8Array, port: number, address: string, done: () => void): void;
}

interface Session {
  readonly key: string;
  readonly entry: L4Entry;
  readonly counters: L4Counters;
  readonly listener: UdpListener;
  readonly address: string;
  readonly port: number;
  /** Undefined: the name is being resolved, or it is being connected. */
  socket: UdpSocket | undefined;
  early: Buffer[];
  isAnswered: boolean;
  isOver: boolean;
  deadlineMs: number;
  /** Its route is gone: it ends by then. */
  lastMs: number;
}

export class UdpSessions {
  readonly #world: UdpWorld;
  /** By listener's port, address and port of the client. */
  readonly #sessions = new Map<string, Session>();
  /** Those to which nothing has come back; the oldest first. */
  readonly #unanswered = new Set<Session>();

  constructor(world: UdpWorld) {
    this.#world = world;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** A datagram of a client. `bytes` are its own. */
  take(entry: L4Entry, counters: L4Counters, listener: UdpListener, from: UdpPeer, bytes: Buffer): void {
    const key = `${entry.port} ${from.address} ${from.port}`;
    let session = this.#sessions.get(key);
    // The route is another now, or leads elsewhere.
    if (session !== undefined && session.entry !== entry) {
      this.#end(session);
      session = undefined;
    }
    session ??= this.#open(key, entry, counters, listener, from);
    if (session === undefined) return;
    counters.bytesIn += bytes.length;
    this.#touch(session);
    if (session.socket !== undefined) session.socket.send(bytes);
    else if (session.early.length < this.#world.limits.maxEarlyDatagrams) session.early.push(bytes);
  }

  /** Those of routes that are gone end within this. */
  endWithin(ids: ReadonlySet<string>, inMs: number): void {
    for (const session of this.#sessions.values()) {
      if (!ids.has(session.entry.id)) continue;
      session.lastMs = this.#world.coarseMs + inMs;
      session.deadlineMs = Math.min(session.deadlineMs, session.lastMs);
    }
  }

  /** Gives when the next one is due. */
  sweep(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const session of this.#sessions.values()) {
      if (nowMs > session.deadlineMs) this.#end(session);
      else nextMs = Math.min(nextMs, session.deadlineMs);
    }
    return nextMs;
  }

  close(): void {
    for (const session of this.#sessions.values()) this.#end(session);
  }

  /** Undefined: there is no room, and the datagram is lost, as datagrams are. */
  #open(key: string, entry: L4Entry, counters: L4Counters, listener: UdpListener, from: UdpPeer): Session | undefined {
    const { limits, coarseMs } = this.#world;
    const backend = entry.backends[counters.connections % Math.max(1, entry.backends.length)];
    if (backend === undefined) {
      counters.failed++;
      return undefined;
    }
    if (this.#sessions.size >= limits.maxSessions) this.#makeRoom();
    if (this.#sessions.size >= limits.maxSessions || counters.open >= limits.maxRouteSessions) {
      counters.refused++;
      return undefined;
    }
    const session: Session = {
      ...{ key, entry, counters, listener, address: from.address, port: from.port },
      ...{ socket: undefined, early: [], isAnswered: false, isOver: false },
      ...{ deadlineMs: coarseMs + limits.unansweredMs, lastMs: Number.POSITIVE_INFINITY },
    };
    counters.connections++;
    counters.open++;
    this.#sessions.set(key, session);
    this.#unanswered.add(session);
    void this.#connect(session, backend);
    return session.isOver ? undefined : session;
  }

  /** Anybody can make up senders; who was answered is somebody. */
  #makeRoom(): void {
    for (const oldest of this.#unanswered) {
      this.#end(oldest);
      return;
    }
  }

  async #connect(session: Session, backend: L4Entry["backends"][number]): Promise<void> {
    try {
      const found = await addressesOf(backend, session.entry.reach, this.#world.dial);
      const address = found[0] as string;
      if (session.isOver) return;
      const socket = openUdp(address, backend.port, isIP(address) === 6, {
        onOpen: () => {
          if (session.isOver) return socket.close();
          session.socket = socket;
          for (const bytes of session.early) socket.send(bytes);
          session.early = [];
        },
        onDatagram: (bytes) => this.#answer(session, bytes),
        // The backend is not there: who asks again is heard by a fresh one.
        onError: () => this.#fail(session),
      });
    } catch {
      this.#fail(session);
    }
  }

  #answer(session: Session, bytes: Buffer): void {
    if (session.isOver) return;
    session.isAnswered = true;
    this.#unanswered.delete(session);
    session.counters.bytesOut += bytes.length;
    this.#touch(session);
    session.listener.send(bytes, session.port, session.address, () => undefined);
  }

  #touch(session: Session): void {
    const { limits, coarseMs } = this.#world;
    // Who only sends does not live on by it.
    if (!session.isAnswered) return;
    session.deadlineMs = Math.min(session.lastMs, coarseMs + limits.sessionIdleMs);
  }

  #fail(session: Session): void {
    if (session.isOver) return;
    session.counters.failed++;
    this.#end(session);
  }

  #end(session: Session): void {
    if (session.isOver) return;
    session.isOver = true;
    session.counters.open--;
    session.socket?.close();
    this.#unanswered.delete(session);
    this.#sessions.delete(session.key);
  }
}

export interface UdpPeer {
  readonly address: string;
  readonly port: number;
}
