/** One exchange on an HTTP/2 connection to a backend. */
import { SkerryError } from "../../domain/errors.ts";
import { Refusal } from "../http1/grammar.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Http2Connection } from "../http2/connection.ts";
import { trailerLines } from "../http2/field-grammar.ts";
import type { FieldBlock } from "../http2/hpack-decoder.ts";
import { encodeField, encodeLines, encodeName, encodePlainString } from "../http2/hpack-encoder.ts";
import { CANCEL, Fault, PROTOCOL_ERROR } from "../http2/protocol.ts";
import { readResponse } from "../http2/response-fields.ts";
import type { Http2Stream, StreamOwner } from "../http2/stream.ts";
import type { Context } from "./context.ts";
import type { Deadline } from "./deadlines.ts";
import type { AnswerTaker, RequestFacts, UpstreamSide } from "./sides.ts";
import { acceptFor, headerOf, withoutHeader } from "./websocket-key.ts";
import type { Wire } from "./wire.ts";

/** The connection of a stream. */
export interface UpstreamHome {
  readonly wire: Wire;
  readonly connection: Http2Connection;
  /** `onReadEnd` is called when all of this read was given. */
  touch(stream: H2UpstreamStream): void;
  /** It may be dead. */
  probe(): void;
}

const REQUEST_ID = encodeName("x-request-id");
const PATH = encodeName(":path");
const TRAILERS = encodeField("te", "trailers");
const CONTINUE = encodeField("expect", "100-continue");
const SHORT_TUNNEL = new Refusal("unavailable/upstream", "The tunnel ended as it began.");
const ENDLESS_INTERIMS = new Refusal("invalid", "There are too many interim answers.");

export class H2UpstreamStream implements UpstreamSide, StreamOwner {
  readonly speaksChunks = false;
  readonly wasKept: boolean;

  readonly #home: UpstreamHome;
  readonly #context: Context;
  #stream: Http2Stream | undefined;
  #taker: AnswerTaker | undefined;
  #hasHead = false;
  #isTunnel = false;
  #isPaused = false;
  #isTouched = false;
  #interims = 0;
  #trailers = "";
  /** The client's, of HTTP/1.1. */
  #webSocketKey: string | undefined;
  #bytesBefore = 0;
  /** After an answer that came before the request's end. */
  #stop: Deadline | undefined;

  constructor(home: UpstreamHome, context: Context, wasKept: boolean) {
    this.#home = home;
    this.#context = context;
    this.wasKept = wasKept;
  }

  // What goes.

  send(taker: AnswerTaker, head: RequestHead, facts: RequestFacts): void {
    this.#taker = taker;
    this.#bytesBefore = this.#home.wire.bytesIn;
    const stream = this.#home.connection.open();
    stream.owner = this;
    this.#stream = stream;
    stream.sendHead(this.#block(head, facts), head.bodyBytes === 0 && !head.isUpgrade);
  }

  #block(head: RequestHead, { backend, forwarded, id }: RequestFacts): string {
    const isTcp = backend.kind === "tcp";
    const host = (isTcp ? backend.hostHeader : undefined) ?? head.hostHeader;
    const target = head.target === "*" ? "*" : backend.basePath + head.target;
    let { lines } = head;
    if (head.isUpgrade) {
      this.#webSocketKey = headerOf(lines, "sec-websocket-key");
      lines = withoutHeader(lines, "sec-websocket-key");
    }
    return (
      encodeField(":method", head.isUpgrade ? "CONNECT" : head.method) +
      (head.isUpgrade ? encodeField(":protocol", "websocket") : "") +
      encodeField(":scheme", isTcp && backend.tls ? "https" : "http") +
      (target === "/" ? encodeField(":path", target) : PATH + encodePlainString(target)) +
      encodeField(":authority", host) +
      encodeLines(lines) +
      (head.hasLength ? encodeField("content-length", String(head.bodyBytes)) : "") +
      (head.takesTrailers ? TRAILERS : "") +
      (head.expectsContinue ? CONTINUE : "") +
      encodeLines(forwarded) +
      REQUEST_ID +
      encodePlainString(id)
    );
  }

  get isBlocked(): boolean {
    return this.#stream?.isBlocked === true;
  }

  sendBody(bytes: Buffer): void {
    this.#stream?.sendData(bytes, 0, bytes.length);
  }

  cork(): void {}

  uncork(): void {}

  endBody(trailers: string): void {
    if (trailers === "") this.#stream?.end();
    else this.#stream?.sendTrailers(encodeLines(trailers));
  }

  endTunnelHalf(): void {
    this.#stream?.end();
  }

  endTunnel(): void {
    this.#taker = undefined;
  }

  /** What the client has not taken stays in its buffer: others of the connection go on. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream?.resume();
    // What was held is all of this read.
    if (this.#isTouched) this.onReadEnd();
  }

  finish(isRequestSent: boolean): void {
    this.#taker = undefined;
    const stream = this.#stream;
    // The end of the request may wait for a window that the upstream never opens.
    if (stream === undefined || stream.isOver || stream.isEndSent) return;
    // It tells in a moment that it needs no more (RFC 9113 8.1). Who resets streams by the thousand is taken for an attacker.
    if (!isRequestSent) stream.dropWaiting();
    const { coarseMs, deadlines, http2 } = this.#context;
    this.#stop = deadlines.add(coarseMs + http2.earlyAnswerMs, () => stream.reset(CANCEL));
  }

  abandon(): void {
    this.#taker = undefined;
    this.#stream?.reset(CANCEL);
    if (this.#home.wire.bytesIn === this.#bytesBefore) this.#home.probe();
  }

  // What comes.

  onHead(block: FieldBlock, endsStream: boolean): void {
    const taker = this.#taker;
    if (taker === undefined) return;
    const head = readResponse(block, endsStream, taker.isHeadRequest);
    if (head instanceof Refusal) this.#refuse(head);
    else if (head.status < 200) {
      if (endsStream || ++this.#interims > this.#context.limits.maxInterims) this.#refuse(ENDLESS_INTERIMS);
      else taker.onInterim(head);
    } else if (this.#webSocketKey !== undefined && head.status === 200) this.#switch(taker, head, endsStream);
    else this.#beginAnswer(taker, head);
  }

  #beginAnswer(taker: AnswerTaker, head: ResponseHead): void {
    const stream = this.#stream as Http2Stream;
    this.#hasHead = true;
    stream.awaitsHead = false;
    const hasNoBody = taker.isHeadRequest || head.status === 204 || head.status === 304;
    if (hasNoBody) stream.expect(0);
    else if (head.contentLength !== undefined) stream.expect(head.contentLength);
    taker.onHead(head);
    this.#touch();
  }

  /** A CONNECT that was taken is what 101 is in HTTP/1.1 (RFC 8441 5). */
  #switch(taker: AnswerTaker, head: ResponseHead, endsStream: boolean): void {
    const stream = this.#stream as Http2Stream;
    if (endsStream) {
      this.#refuse(SHORT_TUNNEL);
      return;
    }
    this.#hasHead = true;
    this.#isTunnel = true;
    stream.awaitsHead = false;
    const lines = `${head.lines}Sec-WebSocket-Accept: ${acceptFor(this.#webSocketKey as string)}\r\n`;
    taker.onSwitch({ ...head, status: 101, statusText: " 101 Switching Protocols", isUpgrade: true, lines });
  }

  onData(bytes: Buffer, from: number, to: number): number {
    const taker = this.#taker;
    if (taker === undefined) return to;
    if (this.#isPaused) return from;
    if (this.#isTunnel) taker.onTunnelBytes(bytes, from, to);
    else {
      taker.onBody(bytes, from, to);
      this.#touch();
    }
    return to;
  }

  #touch(): void {
    if (this.#isTouched) return;
    this.#isTouched = true;
    this.#home.touch(this);
  }

  /** What one read held was given. */
  onReadEnd(): void {
    if (!this.#isTouched) return;
    this.#isTouched = false;
    this.#taker?.onBatch(false, "");
  }

  onTrailers(block: FieldBlock): void {
    const lines = block.isTooLarge ? "" : trailerLines(block);
    if (lines instanceof Fault) this.#refuse(new Refusal("unavailable/upstream", "Its trailers are not header lines."));
    else this.#trailers = lines;
  }

  onEnd(): void {
    this.#isTouched = false;
    if (this.#isTunnel) this.#taker?.onTunnelEnd();
    else this.#taker?.onBatch(true, this.#trailers);
  }

  onDrain(): void {
    this.#taker?.onUpstreamDrain();
  }

  onReset(code: number, isUntouched: boolean): void {
    if (this.#stop !== undefined) this.#context.deadlines.delete(this.#stop);
    const isGone = this.#home.connection.isOver;
    const message = isGone
      ? "The connection to the upstream broke before its answer's end."
      : `The upstream gave up the request (HTTP/2 error ${code}).`;
    this.#fail(new SkerryError("unavailable/upstream", message), isGone && !this.#hasHead, isUntouched);
  }

  #refuse({ message }: Refusal): void {
    this.#stream?.reset(PROTOCOL_ERROR);
    const text = `The upstream's answer is not HTTP/2: ${message}`;
    this.#fail(new SkerryError("unavailable/upstream", text), false, false);
  }

  #fail(error: SkerryError, wasSilent: boolean, isUntouched: boolean): void {
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.onUpstreamError(error, wasSilent, isUntouched);
  }
}
