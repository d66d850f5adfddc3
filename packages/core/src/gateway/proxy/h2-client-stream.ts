/** A request on an HTTP/2 connection of a client, and its answer. */
import { SkerryError } from "../../domain/errors.ts";
import { CHUNKED, type RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import { trailerLines } from "../http2/field-grammar.ts";
import type { FieldBlock } from "../http2/hpack-decoder.ts";
import {
  encodeField,
  encodeLines,
  encodeName,
  encodePlainString,
  encodeStatus,
  encodeUnique,
} from "../http2/hpack-encoder.ts";
import { CANCEL, Fault, INTERNAL_ERROR } from "../http2/protocol.ts";
import type { Http2Stream, StreamOwner } from "../http2/stream.ts";
import type { Peer } from "../tls/peer.ts";
import type { Context } from "./context.ts";
import { Exchange } from "./exchange.ts";
import { ownAnswerParts } from "./heads.ts";
import { TOO_LARGE } from "./own-errors.ts";
import type { ClientSide, Wishes } from "./sides.ts";
import type { UpstreamPools } from "./upstream-pools.ts";
import { acceptFor, headerOf, newKey, withoutHeader } from "./websocket-key.ts";
import type { Wire } from "./wire.ts";

/** The connection of a stream. */
export interface StreamHome {
  readonly peer: Peer;
  readonly wire: Wire;
  forwardedFor(hostHeader: string): string;
}

const NOT_WEBSOCKET = new SkerryError("unavailable/upstream", "The upstream's answer to the WebSocket's key is wrong.");
const REQUEST_ID = encodeName("x-request-id");

export class H2ClientStream implements ClientSide, StreamOwner {
  readonly speaksChunks = false;
  isRequestRead = false;
  deadlineMs: number;

  readonly #context: Context;
  readonly #home: StreamHome;
  readonly #stream: Http2Stream;
  #exchange: Exchange | undefined;
  /** The request's body may be given to the exchange. */
  #isTaking = false;
  #isTunnel = false;
  #isPaused = false;
  /** The peer's last frame was read before the body was asked for. */
  #isEndHeld = false;
  /** So many bytes of data may still come. */
  #bodyLeft = Number.POSITIVE_INFINITY;
  #trailers = "";
  #webSocketKey = "";

  constructor(context: Context, home: StreamHome, stream: Http2Stream) {
    this.#context = context;
    this.#home = home;
    this.#stream = stream;
    stream.owner = this;
    this.deadlineMs = context.coarseMs + context.limits.clientReadIdleMs;
  }

  begin(head: RequestHead, pools: UpstreamPools): void {
    const { bodyBytes, isUpgrade } = head;
    this.isRequestRead = bodyBytes === 0;
    if (bodyBytes !== CHUNKED && !isUpgrade) this.#stream.expect(bodyBytes);
    this.#exchange = new Exchange(this.#context, pools, this, isUpgrade ? this.#withKey(head) : head);
    this.#exchange.begin();
  }

  /** HTTP/1.1 has a key in the handshake, HTTP/2 none (RFC 8441 5). */
  #withKey(head: RequestHead): RequestHead {
    this.#webSocketKey = newKey(this.#context.options.random);
    const lines = withoutHeader(head.lines, "sec-websocket-key");
    return { ...head, lines: `${lines}Sec-WebSocket-Key: ${this.#webSocketKey}\r\n` };
  }

  get peer(): Peer {
    return this.#home.peer;
  }

  get hasEnded(): boolean {
    return this.#home.wire.hasEnded;
  }

  get isBlocked(): boolean {
    return this.#stream.isBlocked;
  }

  get bytesOut(): number {
    return this.#stream.bytesOut;
  }

  forwardedFor(hostHeader: string): string {
    return this.#home.forwardedFor(hostHeader);
  }

  setDeadline(inMs: number): void {
    this.deadlineMs = this.#context.coarseMs + (this.#isStuck ? 0 : inMs);
  }

  /** A window that the client would have to open, and it sends nothing more. */
  get #isStuck(): boolean {
    return this.hasEnded && this.#stream.waitsForWindow;
  }

  hurryDeadline(inMs: number): void {
    this.deadlineMs = Math.min(this.deadlineMs, this.#context.coarseMs + inMs);
  }

  onDeadline(): void {
    if (this.#exchange !== undefined) this.#exchange.onDeadline();
    else this.#stream.reset(CANCEL);
  }

  /** The gateway stops. */
  leave(): void {
    this.#exchange?.tunnel?.leave();
  }

  /** Its side of the connection is closed. */
  onConnectionEnd(): void {
    this.#exchange?.onClientEnd();
    if (this.#isStuck) this.hurryDeadline(0);
  }

  // What comes.

  onHead(): void {}

  onData(bytes: Buffer, from: number, to: number): number {
    const exchange = this.#exchange;
    // Nobody wants to know it.
    if (exchange === undefined) return to;
    if (this.#isTunnel) {
      if (this.#isPaused) return from;
      exchange.fromTunnel(bytes, from, to);
      return to;
    }
    if (!this.#isTaking || !exchange.takesBody) return from;
    this.#bodyLeft -= to - from;
    if (this.#bodyLeft < 0) exchange.fail(TOO_LARGE);
    else exchange.sendBody(bytes, from, to);
    return to;
  }

  onTrailers(block: FieldBlock): void {
    const lines = block.isTooLarge ? "" : trailerLines(block);
    if (lines instanceof Fault) this.#stream.fail(lines.code);
    else this.#trailers = lines;
  }

  onEnd(): void {
    if (this.#isTunnel) this.#exchange?.onClientEnd();
    else if (this.isRequestRead) return;
    else if (this.#isTaking) this.#endRequest();
    else this.#isEndHeld = true;
  }

  #endRequest(): void {
    this.isRequestRead = true;
    this.#exchange?.onRequestEnd(this.#trailers);
  }

  startBody(_asChunks: boolean, maxBytes: number): void {
    this.#bodyLeft = maxBytes;
    this.#isTaking = true;
    this.#stream.resume();
    if (!this.#isEndHeld) return;
    this.#isEndHeld = false;
    this.#endRequest();
  }

  pauseBody(): void {
    this.#isPaused = true;
  }

  resumeBody(): void {
    this.#isPaused = false;
    this.#stream.resume();
  }

  onReset(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.abort();
  }

  onDrain(): void {
    this.#exchange?.onClientDrain();
  }

  // What goes.

  sendInterim(head: ResponseHead): void {
    this.#stream.sendInterim(encodeStatus(head.status) + encodeLines(head.lines));
  }

  sendHead(head: ResponseHead): void {
    this.#sendHead(head.status, head.lines, head);
  }

  #sendHead(status: number, lines: string, { hasDate, contentLength }: ResponseHead): void {
    const date = hasDate ? "" : encodeLines(this.#context.dateLine());
    // RFC 9110 8.6: no Content-Length in 204.
    const hasLength = contentLength !== undefined && status !== 204 && !this.#isTunnel;
    const length = hasLength ? encodeField("content-length", String(contentLength)) : "";
    const id = REQUEST_ID + encodePlainString((this.#exchange as Exchange).id);
    this.#stream.sendHead(encodeStatus(status) + encodeLines(lines) + date + length + id, false);
  }

  sendBody(buffer: Buffer, from: number, to: number): void {
    this.#stream.sendData(buffer, from, to);
  }

  flush(): void {}

  endAnswer(trailers: string): void {
    if (trailers === "") this.#stream.end();
    else this.#stream.sendTrailers(encodeLines(trailers));
  }

  sendOwn(error: SkerryError, wishes: Wishes): void {
    this.answerOwn(error, (this.#exchange as Exchange).id, wishes);
  }

  answerOwn(error: SkerryError, id: string, wishes: Wishes): void {
    const facts = { id, dateLine: this.#context.dateLine(), closes: false };
    const { status, lines, body } = ownAnswerParts(error, facts, wishes);
    this.#stream.sendHead(encodeStatus(status) + encodeUnique(lines), false);
    const bytes = Buffer.from(body, "latin1");
    this.#stream.sendData(bytes, 0, bytes.length);
    this.#stream.end();
  }

  switchProtocols(head: ResponseHead): void {
    if (headerOf(head.lines, "sec-websocket-accept") !== acceptFor(this.#webSocketKey)) {
      this.#exchange?.fail(NOT_WEBSOCKET);
      return;
    }
    this.#isTunnel = true;
    this.#sendHead(200, withoutHeader(head.lines, "sec-websocket-accept"), head);
    this.#stream.resume();
    if (this.#isEndHeld) this.#exchange?.onClientEnd();
  }

  endTunnelHalf(): void {
    this.#stream.end();
  }

  onAnswered(): void {
    this.close();
  }

  /** Nothing more is to be done but to send what waits, and to throw away what comes. */
  close(): void {
    this.#exchange = undefined;
    this.setDeadline(this.#context.limits.clientReadIdleMs);
    this.#stream.resume();
    // A request whose end has not come may never end (RFC 9113 8.1).
    this.#stream.stopPeer();
  }

  cut(): void {
    this.#exchange = undefined;
    this.#stream.reset(INTERNAL_ERROR);
  }

  destroy(): void {
    this.#stream.reset(CANCEL);
    this.onReset();
  }
}
