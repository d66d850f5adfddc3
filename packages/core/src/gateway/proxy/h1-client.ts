/** A client's HTTP/1 connection: requests one after another, each an exchange; what cannot be understood ends it. */
import type { Socket } from "node:net";
import { SkerryError } from "../../domain/errors.ts";
import { BodyReader } from "../http1/body-reader.ts";
import { latin1, Refusal } from "../http1/grammar.ts";
import { HeadReader } from "../http1/head-reader.ts";
import { CHUNKED, parseRequestHead } from "../http1/request-head.ts";
import { type ResponseHead, UNTIL_CLOSE } from "../http1/response-head.ts";
import { PREFACE } from "../http2/protocol.ts";
import { MISDIRECTED, type Peer } from "../tls/peer.ts";
import type { Context } from "./context.ts";
import { Exchange } from "./exchange.ts";
import { type AnswerFacts, chunkOf, forwardedLines, interimHead, lastChunk, ownAnswer, responseHead } from "./heads.ts";
import { SLOW_HEAD } from "./own-errors.ts";
import { recordRefusal } from "./records.ts";
import type { ClientSide, ProxyClient, Wishes } from "./sides.ts";
import type { UpstreamPools } from "./upstream-pools.ts";
import { Wire, type WireOwner } from "./wire.ts";

const AT_HEAD = 0;
const IN_BODY = 1;
const AWAITING_ANSWER = 2;
const IN_TUNNEL = 3;
/** The last answer is written; what still comes is thrown away, so that the answer is not lost to a reset. */
const LINGERING = 4;

export class ClientConnection implements WireOwner, ClientSide, ProxyClient {
  readonly readsAfterFailedWrite = false;
  readonly wire: Wire;
  deadlineMs = 0;

  readonly #context: Context;
  readonly #pools: UpstreamPools;
  readonly #onGone: (client: ProxyClient) => void;
  readonly #onHttp2: (client: ClientConnection) => WireOwner;
  readonly peer: Peer;
  readonly #reader: HeadReader;
  readonly #body: BodyReader;
  #state = AT_HEAD;
  /** So far the connection has begun as one of HTTP/2 does; below 0: it has not. */
  #prefaceBytes = 0;
  #exchange: Exchange | undefined;
  /** Of the answer: waits for what goes out with it. */
  #answerHead: string | undefined;
  /** The body comes in chunks, which may be a byte each. */
  #corks = false;
  /** The body comes as data whose length nobody has said: it goes out in chunks. */
  #makesChunks = false;
  /** The connection ends with this answer. */
  #closes = false;
  #forwardedHost: string | undefined;
  #forwarded = "";
  readonly #passBody = (buffer: Buffer, from: number, to: number): void => this.#exchange?.sendBody(buffer, from, to);

  constructor(
    context: Context,
    pools: UpstreamPools,
    socket: Socket,
    peer: Peer,
    onGone: (client: ProxyClient) => void,
    onHttp2: (client: ClientConnection) => WireOwner,
  ) {
    this.#onHttp2 = onHttp2;
    this.#pools = pools;
    this.#context = context;
    this.#onGone = onGone;
    this.peer = peer;
    this.#reader = new HeadReader(context.limits);
    this.#body = new BodyReader(context.limits);
    this.wire = new Wire(this, () => context.readBuffer, socket, context.flusher);
    this.setDeadline(context.limits.clientHeadMs);
  }

  get isRequestRead(): boolean {
    return this.#state === AWAITING_ANSWER;
  }

  get speaksChunks(): boolean {
    return this.#exchange?.head.isHttp10 === false;
  }

  get hasEnded(): boolean {
    return this.wire.hasEnded;
  }

  get isBlocked(): boolean {
    return this.wire.isBlocked;
  }

  get bytesOut(): number {
    return this.wire.bytesOut;
  }

  /** Nothing is in flight: a drain may close it. */
  get isIdle(): boolean {
    return this.#state === AT_HEAD && !this.#reader.begun && this.#prefaceBytes <= 0 && !this.wire.isBlocked;
  }

  leave(): void {
    this.wire.flush(); // it may not find room
    if (this.isIdle) this.wire.destroy();
    else this.#exchange?.tunnel?.leave();
  }

  forwardedFor(hostHeader: string): string {
    if (hostHeader !== this.#forwardedHost) {
      this.#forwardedHost = hostHeader;
      this.#forwarded = forwardedLines(this.peer.address, this.peer.tls !== undefined, hostHeader);
    }
    return this.#forwarded;
  }

  setDeadline(inMs: number): void {
    this.deadlineMs = this.#context.coarseMs + inMs;
  }

  hurryDeadline(inMs: number): void {
    this.deadlineMs = Math.min(this.deadlineMs, this.#context.coarseMs + inMs);
  }

  onDeadline(): void {
    if (this.#exchange !== undefined) this.#exchange.onDeadline();
    else if (this.#state === AT_HEAD && this.#reader.begun && !this.wire.isBlocked) this.#refuse(SLOW_HEAD, 0);
    else this.wire.destroy();
  }

  onBytes(buffer: Buffer, from: number, to: number): number {
    if (this.#prefaceBytes >= 0) return this.#takeFirst(buffer, from, to);
    return this.#take(buffer, from, to);
  }

  /** HTTP/2 with prior knowledge (RFC 9113 3.3): its preface is no request. Whoever takes over gets it too. */
  #takeFirst(buffer: Buffer, from: number, to: number): number {
    let at = from;
    let matched = this.#prefaceBytes;
    while (matched < PREFACE.length && at < to && buffer[at] === PREFACE.charCodeAt(matched)) {
      at++;
      matched++;
    }
    this.#prefaceBytes = at === to && matched < PREFACE.length ? matched : -1;
    if (this.#prefaceBytes >= 0) return to;
    const before = Buffer.from(PREFACE.slice(0, matched - (at - from)), "latin1");
    const owner = matched === PREFACE.length ? this.#onHttp2(this) : this;
    if (before.length > 0) owner.onBytes(before, 0, before.length);
    return owner.onBytes(buffer, from, to);
  }

  #take(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to) {
      switch (this.#state) {
        case AT_HEAD:
          // Who does not read its answers gets no more of them.
          if (this.wire.isBlocked) return at;
          at = this.#takeHead(buffer, at, to);
          break;
        case IN_BODY:
          if (!(this.#exchange as Exchange).takesBody) return at;
          at = this.#takeBody(this.#exchange as Exchange, buffer, at, to);
          break;
        case AWAITING_ANSWER:
          return at;
        case IN_TUNNEL:
          this.#exchange?.fromTunnel(buffer, at, to);
          return to;
        default:
          return to;
      }
    }
    return at;
  }

  #takeHead(buffer: Buffer, from: number, to: number): number {
    if (!this.#reader.begun) this.setDeadline(this.#context.limits.clientHeadMs);
    const end = this.#reader.take(buffer, from, to);
    if (this.#reader.refusal !== undefined) return this.#refuse(this.#reader.refusal, to);
    if (end < 0) return to;
    const head = parseRequestHead(this.#reader, this.#context.limits);
    if (head instanceof Refusal) return this.#refuse(head, to);
    this.#body.begin(head.bodyBytes);
    this.#state = this.#body.done ? AWAITING_ANSWER : IN_BODY;
    this.#exchange = new Exchange(this.#context, this.#pools, this, head);
    this.#exchange.begin();
    return end;
  }

  #takeBody(exchange: Exchange, buffer: Buffer, from: number, to: number): number {
    exchange.corkRequest();
    const end = this.#body.take(buffer, from, to, this.#passBody);
    exchange.uncorkRequest();
    if (this.#body.refusal !== undefined) {
      exchange.fail(new SkerryError(this.#body.refusal.id, this.#body.refusal.message));
      return to;
    }
    if (this.#body.done) {
      this.#state = AWAITING_ANSWER;
      exchange.onRequestEnd(this.#body.trailers);
    } else if (!exchange.takesBody) this.wire.pause();
    return end;
  }

  /** There is no request that could be an exchange. */
  #refuse(refusal: Refusal, to: number): number {
    const error = new SkerryError(refusal.id, refusal.message);
    const id = this.#context.nextRequestId();
    const { peer } = this;
    const answer = ownAnswer(error, this.#facts(id, true));
    this.wire.write(answer);
    const { status } = error;
    recordRefusal(this.#context, { id, peer, status, bytesOut: answer.length, error: refusal.id });
    this.#linger();
    return to;
  }

  startBody(asChunks: boolean, maxBytes: number): void {
    this.#body.expect(asChunks, maxBytes);
    this.wire.resume();
  }

  pauseBody(): void {
    this.wire.pause();
  }

  resumeBody(): void {
    this.wire.resume();
  }

  sendInterim(head: ResponseHead): void {
    this.wire.write(interimHead(head, ""));
  }

  sendHead(head: ResponseHead, asChunks: boolean): void {
    const exchange = this.#exchange as Exchange;
    const request = exchange.head;
    const isUnknown = head.bodyBytes === CHUNKED || head.bodyBytes === UNTIL_CLOSE;
    this.#closes = this.#mustClose(exchange) || (isUnknown && request.isHttp10);
    // An answer that ends with its connection would look whole when it breaks off.
    this.#makesChunks = isUnknown && !request.isHttp10 && !(asChunks && head.bodyBytes === CHUNKED);
    this.#corks = head.bodyBytes === CHUNKED;
    const inChunks = isUnknown && !request.isHttp10;
    this.#answerHead = responseHead(head, inChunks, this.#facts(exchange.id, this.#closes));
  }

  sendBody(buffer: Buffer, from: number, to: number): void {
    // An empty chunk would be the body's end.
    if (from === to) return;
    const { wire } = this;
    const head = this.#answerHead;
    this.#answerHead = undefined;
    if (this.#corks) wire.cork();
    const count = to - from;
    // Latin1 maps each byte to one character and back.
    if (count > this.#context.limits.smallBodyBytes) this.#sendLarge(head, buffer.subarray(from, to));
    else if (this.#makesChunks) wire.writeSoon((head ?? "") + chunkOf(latin1(buffer, from, to)));
    else if (head === undefined) wire.write(buffer.subarray(from, to));
    else wire.writeSoon(head + latin1(buffer, from, to));
  }

  #sendLarge(head: string | undefined, body: Buffer): void {
    const { wire } = this;
    if (this.#makesChunks) {
      wire.cork();
      wire.writeBoth(`${head ?? ""}${body.length.toString(16)}\r\n`, body);
      wire.write("\r\n");
    } else if (head === undefined) wire.write(body);
    else wire.writeBoth(head, body);
  }

  flush(): void {
    if (this.#answerHead !== undefined) {
      this.wire.writeSoon(this.#answerHead);
      this.#answerHead = undefined;
    }
    this.wire.uncork();
  }

  endAnswer(trailers: string): void {
    if (this.#makesChunks) {
      this.wire.writeSoon((this.#answerHead ?? "") + lastChunk(trailers));
      this.#answerHead = undefined;
    }
    this.flush();
  }

  sendOwn(error: SkerryError, wishes: Wishes): void {
    const exchange = this.#exchange as Exchange;
    this.#answerHead = undefined;
    // Another connection will do: this one never will.
    this.#closes = this.#mustClose(exchange) || error === MISDIRECTED;
    this.wire.write(ownAnswer(error, this.#facts(exchange.id, this.#closes), wishes));
  }

  switchProtocols(head: ResponseHead): void {
    this.#closes = true;
    this.#corks = false;
    this.#makesChunks = false;
    this.wire.write(interimHead(head, (this.#exchange as Exchange).id));
    this.#state = IN_TUNNEL;
    this.wire.resume();
  }

  endTunnelHalf(): void {
    this.wire.end();
  }

  onAnswered(): void {
    this.#exchange = undefined;
    // An answer that began before the drain could not say that the connection ends.
    if (this.#closes || this.#context.isDraining) {
      this.#linger();
      return;
    }
    this.#state = AT_HEAD;
    const { clientReadIdleMs, keepAliveMs } = this.#context.limits;
    this.setDeadline(this.wire.isBlocked ? clientReadIdleMs : keepAliveMs);
    this.wire.resume();
  }

  #facts(id: string, closes: boolean): AnswerFacts {
    return { id, dateLine: this.#context.dateLine(), closes };
  }

  /** A request whose end has not been read may never end. */
  #mustClose({ head }: Exchange): boolean {
    return !head.keepAlive || !this.isRequestRead || this.#context.isDraining || this.wire.hasEnded;
  }

  destroy(): void {
    this.wire.destroy();
  }

  cut(): void {
    this.#exchange = undefined;
    this.wire.reset();
  }

  #linger(): void {
    this.#state = LINGERING;
    this.wire.end();
    this.#afterLastAnswer();
    this.wire.resume();
  }

  #afterLastAnswer(): void {
    const { clientReadIdleMs, lingerMs } = this.#context.limits;
    if (this.wire.hasEnded && !this.wire.isBlocked) this.wire.destroy();
    else this.setDeadline(this.wire.isBlocked ? clientReadIdleMs : lingerMs);
  }

  onEnd(): void {
    this.wire.flush(); // it may not find room
    if (this.#exchange !== undefined) this.#exchange.onClientEnd();
    else if (!this.wire.isBlocked) this.wire.destroy();
  }

  onDrain(): void {
    if (this.#exchange !== undefined) this.#exchange.onClientDrain();
    else if (this.#state === LINGERING || this.wire.hasEnded) this.#afterLastAnswer();
    else {
      this.setDeadline(this.#context.limits.keepAliveMs);
      this.wire.resume();
    }
  }

  onClose(): void {
    this.#onGone(this);
    this.#exchange?.abort();
    this.#exchange = undefined;
  }
}
