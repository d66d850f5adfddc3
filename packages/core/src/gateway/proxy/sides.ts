/**
 * The two sides of an exchange, whatever protocol they speak. Heads cross it as HTTP/1 reads them (`RequestHead`,
 * `ResponseHead`: what matters as fields, the rest as header lines), bodies as ranges of buffers that are used again.
 */
import type { SkerryError } from "../../domain/errors.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Backend } from "../table.ts";
import type { Peer } from "../tls/peer.ts";
import type { Wire } from "./wire.ts";

/** A client's connection, whatever it speaks. */
export interface ProxyClient {
  readonly wire: Wire;
  /** Nothing is in flight: it may be closed. */
  readonly isIdle: boolean;
  /** Monotonic; after it `onDeadline` is called. */
  readonly deadlineMs: number;
  onDeadline(): void;
  /** Comes to its end with what is in flight. */
  leave(): void;
}

/** How an answer of the gateway's own is to be, by what the request says. */
export interface Wishes {
  readonly withoutBody: boolean;
  /** A page for people instead of a problem document. */
  readonly asPage: boolean;
  /** Header lines besides. */
  readonly lines: string;
}

/** A request of a client: one of many on an HTTP/1 connection, or a stream of an HTTP/2 connection. */
export interface ClientSide {
  readonly peer: Peer;
  /** It gives and takes chunked bodies as they stand on the wire of HTTP/1.1; else data only. */
  readonly speaksChunks: boolean;
  /** All of the request has been read, and given to the exchange. */
  readonly isRequestRead: boolean;
  /** Its side of the connection is closed: it may be gone. */
  readonly hasEnded: boolean;
  /** What was sent has not gone: no more until `onClientDrain` of the exchange. */
  readonly isBlocked: boolean;
  /** Bytes sent so far, also of what was before on the same connection. */
  readonly bytesOut: number;
  /** Header lines that say who asks, for this Host. */
  forwardedFor(hostHeader: string): string;
  /** The exchange must do something by then, see `onDeadline`. */
  setDeadline(inMs: number): void;
  /** By then, if not before. */
  hurryDeadline(inMs: number): void;
  /** From now on the body is taken. `asChunks`: as it stands on the wire. One in chunks may have so many bytes of data. */
  startBody(asChunks: boolean, maxBytes: number): void;
  pauseBody(): void;
  resumeBody(): void;
  /** 1xx but 101. May be left out. */
  sendInterim(head: ResponseHead): void;
  /** Goes out with what follows, or with `flush`. `asChunks`: a chunked body comes as it stood on the wire. */
  sendHead(head: ResponseHead, asChunks: boolean): void;
  sendBody(buffer: Buffer, from: number, to: number): void;
  /** No more of the body comes now. */
  flush(): void;
  /** The whole answer was sent; `trailers` are header lines, empty when they went as chunks. */
  endAnswer(trailers: string): void;
  /** An answer of the gateway's own, whole. */
  sendOwn(error: SkerryError, wishes: Wishes): void;
  /** 101: from now on bytes go through `fromTunnel` of the exchange, and `sendBody`. */
  switchProtocols(head: ResponseHead): void;
  /** No more comes through the tunnel from the upstream. */
  endTunnelHalf(): void;
  /** The exchange is over, all was sent: the next request may come. */
  onAnswered(): void;
  /** The answer cannot be completed: it must not look whole. */
  cut(): void;
  /** It is too slow: given up. */
  destroy(): void;
}

/** What a request says besides what the client said. */
export interface RequestFacts {
  readonly backend: Backend;
  /** Header lines. */
  readonly forwarded: string;
  readonly id: string;
}

/** A connection to a backend, or a stream of one, while it serves one exchange. */
export interface UpstreamSide {
  /** @see ClientSide.speaksChunks */
  readonly speaksChunks: boolean;
  /** It has served others before: it may have died since. */
  readonly wasKept: boolean;
  /** What was sent has not gone: no more until `onUpstreamDrain` of the taker. */
  readonly isBlocked: boolean;
  /** Begins. `asChunks`: a chunked body comes as it stood on the wire. */
  send(taker: AnswerTaker, head: RequestHead, facts: RequestFacts, asChunks: boolean): void;
  /** The bytes are used until this returns; while it is corked, until it no longer is. */
  sendBody(bytes: Buffer): void;
  /** Until `uncork` what is sent may be collected. */
  cork(): void;
  uncork(): void;
  /** The request's body is whole; `trailers` as for `endAnswer`. Not called when there is no body. */
  endBody(trailers: string): void;
  /** Of the answer. */
  pause(): void;
  resume(): void;
  /** The answer was whole. `isRequestSent`: the request too. */
  finish(isRequestSent: boolean): void;
  /** Nobody waits for the answer any more. */
  abandon(): void;
  /** No more comes through the tunnel from the client. */
  endTunnelHalf(): void;
  /** Both sides of the tunnel have ended: what is still to be written goes first. */
  endTunnel(): void;
}

/** Who waits for an answer. */
export interface AnswerTaker {
  readonly isHeadRequest: boolean;
  /** 100, 102 or 103; more will come. */
  onInterim(head: ResponseHead): void;
  /** 101: from now on bytes go through `onTunnelBytes`. */
  onSwitch(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  onBody(buffer: Buffer, from: number, to: number): void;
  /** What one read held of the answer was given; the whole answer with `isLast`. `trailers` as for `endAnswer`. */
  onBatch(isLast: boolean, trailers: string): void;
  onTunnelBytes(buffer: Buffer, from: number, to: number): void;
  onTunnelEnd(): void;
  /** The request's bytes have gone. */
  onUpstreamDrain(): void;
  /**
   * No answer, or not its end, will come. `wasSilent`: the connection ended before a byte of the answer.
   * `isUntouched`: the upstream says that it has not begun with the request.
   */
  onUpstreamError(error: SkerryError, wasSilent: boolean, isUntouched: boolean): void;
}
