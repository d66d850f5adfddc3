/** One HTTP/2 connection to a backend, shared by many exchanges: each has a stream of it. */
import { SkerryError } from "../../domain/errors.ts";
import { Http2Connection } from "../http2/connection.ts";
import type { ConnectionOwner } from "../http2/connection-owner.ts";
import type { Fault } from "../http2/protocol.ts";
import type { Http2Stream } from "../http2/stream.ts";
import type { Context } from "./context.ts";
import { H2UpstreamStream } from "./h2-upstream-stream.ts";
import type { Wire } from "./wire.ts";

/** The pool that a connection belongs to. */
export interface SharedHome {
  /** Streams may be opened: it is new, or there is room again. */
  onRoom(connection: H2Upstream): void;
  onSharedClosed(connection: H2Upstream): void;
}

export class H2Upstream implements ConnectionOwner {
  readonly createdMs: number;
  /** 0 while it is used. */
  idleSinceMs = 0;
  readonly connection: Http2Connection;
  wire!: Wire;
  /** Why it ended, when the peer broke a rule. */
  fault: Fault | undefined;

  readonly #home: SharedHome;
  readonly #context: Context;
  #onGreeted: ((connection: H2Upstream) => void) | undefined;
  /** Those that got something in this read. */
  #touched: H2UpstreamStream[] = [];
  #hasServed = false;
  #isProbing = false;

  /** `onGreeted` is called when the upstream has said that it speaks HTTP/2. */
  constructor(home: SharedHome, context: Context, onGreeted: (connection: H2Upstream) => void) {
    this.#onGreeted = onGreeted;
    this.#home = home;
    this.#context = context;
    this.createdMs = context.coarseMs;
    const { flusher, http2: limits } = context;
    this.connection = new Http2Connection(this, {
      ...{ isServer: false, limits, flusher, nowMs: () => context.coarseMs, counts: context.stats.http2.upstream },
    });
  }

  begin(wire: Wire): void {
    this.wire = wire;
    this.connection.begin(wire);
  }

  /** It is there, and an exchange may have a stream of it. */
  get mayOpen(): boolean {
    return this.connection.mayOpen && !this.wire.hasEnded && !this.wire.isDestroyed;
  }

  /** It takes WebSockets (RFC 8441). */
  get takesConnect(): boolean {
    return this.connection.peer.takesConnect;
  }

  get isIdle(): boolean {
    return this.connection.streams.size === 0;
  }

  /** For one exchange, which begins at once. */
  open(): H2UpstreamStream {
    this.idleSinceMs = 0;
    const wasKept = this.#hasServed;
    this.#hasServed = true;
    return new H2UpstreamStream(this, this.#context, wasKept);
  }

  /** Takes no more exchanges; ends with the last. */
  retire(): void {
    this.connection.leave();
  }

  nextBuffer(): Buffer {
    return this.#context.readBuffer;
  }

  touch(stream: H2UpstreamStream): void {
    this.#touched.push(stream);
  }

  onReadEnd(): void {
    const touched = this.#touched;
    if (touched.length === 0) return;
    this.#touched = [];
    for (const stream of touched) stream.onReadEnd();
  }

  /** A stream got no answer: the connection may be dead, and the next ones would wait for it as long. */
  probe(): void {
    if (this.#isProbing || this.connection.isOver) return;
    this.#isProbing = true;
    const bytesBefore = this.wire.bytesIn;
    this.connection.ping();
    const { deadlines, coarseMs, limits } = this.#context;
    deadlines.add(coarseMs + limits.connectMs, () => {
      this.#isProbing = false;
      if (this.wire.bytesIn === bytesBefore) this.wire.destroy();
    });
  }

  onStream(): void {}

  onSettings(): void {
    const onGreeted = this.#onGreeted;
    this.#onGreeted = undefined;
    // Who asked for the connection is served first, soon, and then those who wait.
    if (onGreeted !== undefined) onGreeted(this);
    else this.#home.onRoom(this);
  }

  onStreamOver(_stream: Http2Stream): void {
    if (this.isIdle) this.idleSinceMs = this.#context.coarseMs;
    this.#home.onRoom(this);
  }

  onGoAway(): void {}

  onSent(): void {}

  onPeerEnd(): void {
    this.wire.destroy();
  }

  onOver(fault: Fault | undefined): void {
    this.fault = fault;
    this.wire.destroy();
  }

  onClose(): void {
    this.#home.onSharedClosed(this);
  }
}

/** It was to speak HTTP/2, and never did. */
export function notHttp2(): SkerryError {
  return new SkerryError("unavailable/upstream", "The upstream does not speak HTTP/2.", {
    hint: "Set the route's protocol to http/1.1, or let the program speak h2.",
  });
}

export const NO_WEBSOCKET = new SkerryError("unavailable/upstream", "The upstream takes no WebSocket over HTTP/2.", {
  hint: "Set the route's protocol to http/1.1, or let the program take extended CONNECT (RFC 8441).",
});
