/** One HTTP/1.1 connection to a backend: requests go out one after another, answers are read as strictly as requests. */
import { SkerryError } from "../../domain/errors.ts";
import { BodyReader } from "../http1/body-reader.ts";
import { Refusal } from "../http1/grammar.ts";
import { HeadReader } from "../http1/head-reader.ts";
import { CHUNKED, type RequestHead } from "../http1/request-head.ts";
import { parseResponseHead, type ResponseHead, UNTIL_CLOSE } from "../http1/response-head.ts";
import type { Context } from "./context.ts";
import { lastChunk, requestHead } from "./heads.ts";
import type { AnswerTaker, RequestFacts, UpstreamSide } from "./sides.ts";
import type { Wire, WireOwner } from "./wire.ts";

/** The pool that a connection belongs to. */
export interface Home {
  release(connection: UpstreamConnection): void;
  onClosed(connection: UpstreamConnection): void;
}

const AT_HEAD = 0;
const IN_BODY = 1;
const IN_TUNNEL = 2;

export class UpstreamConnection implements WireOwner, UpstreamSide {
  readonly speaksChunks = true;
  readonly readsAfterFailedWrite = true;
  readonly #home: Home;
  readonly createdMs: number;
  /** 0 while it is used. */
  idleSinceMs = 0;
  wasKept = false;
  /** Set by the pool as soon as the socket is there. */
  wire!: Wire;

  readonly #context: Context;
  readonly #reader: HeadReader;
  readonly #body: BodyReader;
  #taker: AnswerTaker | undefined;
  #asChunks = false;
  /** The request's body comes as data whose length nobody has said: it goes out in chunks. */
  #makesChunks = false;
  #head: ResponseHead | undefined;
  #state = AT_HEAD;
  /** Of the answer that is waited for. */
  #interims = 0;
  #bytesBefore = 0;
  /** Who waits for the answer takes it slowly: what is read may have to be kept. */
  #isSlow = false;
  readonly #passBody = (buffer: Buffer, from: number, to: number): void => this.#taker?.onBody(buffer, from, to);

  constructor(home: Home, context: Context) {
    this.#home = home;
    this.#context = context;
    this.createdMs = context.coarseMs;
    this.#reader = new HeadReader(context.limits);
    this.#body = new BodyReader(context.limits);
  }

  send(taker: AnswerTaker, head: RequestHead, facts: RequestFacts, asChunks: boolean): void {
    this.#taker = taker;
    this.#asChunks = asChunks;
    this.#makesChunks = !asChunks && head.bodyBytes === CHUNKED;
    this.#state = AT_HEAD;
    this.#interims = 0;
    this.#isSlow = false;
    this.#head = undefined;
    this.#bytesBefore = this.wire.bytesIn;
    this.idleSinceMs = 0;
    this.wire.writeSoon(requestHead(head, facts));
  }

  get isBlocked(): boolean {
    return this.wire.isBlocked;
  }

  sendBody(bytes: Buffer): void {
    if (!this.#makesChunks) {
      this.wire.write(bytes);
      return;
    }
    // An empty chunk would be the body's end.
    if (bytes.length === 0) return;
    this.wire.cork();
    this.wire.writeBoth(`${bytes.length.toString(16)}\r\n`, bytes);
    this.wire.write("\r\n");
    this.wire.uncork();
  }

  cork(): void {
    this.wire.cork();
  }

  uncork(): void {
    this.wire.uncork();
  }

  endBody(trailers: string): void {
    if (this.#makesChunks) this.wire.write(lastChunk(trailers));
  }

  pause(): void {
    this.#isSlow = true;
    this.wire.pause();
  }

  resume(): void {
    this.wire.resume();
  }

  endTunnelHalf(): void {
    this.wire.end();
  }

  nextBuffer(): Buffer {
    return this.#isSlow ? this.#context.smallReadBuffer : this.#context.readBuffer;
  }

  /** Nobody waits any more: the connection ends. */
  abandon(): void {
    this.#taker = undefined;
    this.wire.destroy();
  }

  /** The answer was whole. The connection serves others when both sides are at the end of a message. */
  finish(isRequestSent: boolean): void {
    this.#taker = undefined;
    if (isRequestSent && this.#head?.keepAlive === true && !this.wire.hasEnded && !this.wire.isBlocked) {
      this.wasKept = true;
      this.#home.release(this);
    } else this.wire.destroy();
  }

  /** Both sides of a tunnel have sent their last byte: what is still to be written goes first. */
  endTunnel(): void {
    this.#taker = undefined;
    const { coarseMs, limits, deadlines } = this.#context;
    if (!this.wire.isBlocked) this.wire.destroy();
    else deadlines.add(coarseMs + limits.lingerMs, () => this.wire.destroy());
  }

  onBytes(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to && this.#taker !== undefined) {
      if (this.#state === AT_HEAD) {
        at = this.#takeHead(this.#taker, buffer, at, to);
      } else if (this.#state === IN_TUNNEL) {
        this.#taker.onTunnelBytes(buffer, at, to);
        return to;
      } else {
        at = this.#takeBody(this.#taker, buffer, at, to);
        // A byte behind the answer belongs to nothing that was asked.
        if (at < to) break;
      }
    }
    if (at < to) this.wire.destroy();
    return to;
  }

  #takeHead(taker: AnswerTaker, buffer: Buffer, from: number, to: number): number {
    const end = this.#reader.take(buffer, from, to);
    if (this.#reader.refusal !== undefined) return this.#refuse(this.#reader.refusal, to);
    if (end < 0) return to;
    const head = parseResponseHead(this.#reader, this.#context.limits, taker.isHeadRequest);
    if (head instanceof Refusal) return this.#refuse(head, to);
    if (head.status === 101) {
      if (!head.isUpgrade) return this.#refuse(NO_SWITCH, to);
      this.#state = IN_TUNNEL;
      taker.onSwitch(head);
    } else if (head.status < 200) {
      if (++this.#interims > this.#context.limits.maxInterims) return this.#refuse(ENDLESS_INTERIMS, to);
      taker.onInterim(head);
    } else this.#beginAnswer(taker, head, end === to);
    return end;
  }

  #beginAnswer(taker: AnswerTaker, head: ResponseHead, isAlone: boolean): void {
    this.#state = IN_BODY;
    this.#body.begin(head.bodyBytes);
    this.#body.keepsChunks = this.#asChunks;
    // With a byte behind its end the connection is not used again: it would be the next one's answer.
    this.#head = this.#body.done && !isAlone ? { ...head, keepAlive: false } : head;
    taker.onHead(head);
    if (this.#taker === taker && (isAlone || this.#body.done)) taker.onBatch(this.#body.done, "");
  }

  #takeBody(taker: AnswerTaker, buffer: Buffer, from: number, to: number): number {
    const end = this.#body.take(buffer, from, to, this.#passBody);
    if (this.#body.refusal !== undefined) return this.#refuse(this.#body.refusal, to);
    if (end < to && this.#head !== undefined) this.#head = { ...this.#head, keepAlive: false };
    if (this.#taker === taker) taker.onBatch(this.#body.done, this.#body.trailers);
    return end;
  }

  #refuse(refusal: Refusal, to: number): number {
    this.#fail(new SkerryError("unavailable/upstream", `The upstream's answer is not HTTP/1.1: ${refusal.message}`));
    return to;
  }

  #fail(error: SkerryError): void {
    const taker = this.#taker;
    const wasSilent = this.wire.bytesIn === this.#bytesBefore;
    this.#taker = undefined;
    this.wire.destroy();
    taker?.onUpstreamError(error, wasSilent, false);
  }

  onEnd(): void {
    if (this.#state === IN_TUNNEL && this.#taker !== undefined) this.#taker.onTunnelEnd();
    else if (this.#state === IN_BODY && this.#head?.bodyBytes === UNTIL_CLOSE) this.#taker?.onBatch(true, "");
    else
      this.#fail(
        new SkerryError("unavailable/upstream", "The upstream closed the connection before its answer's end."),
      );
  }

  onDrain(): void {
    if (this.#taker !== undefined) this.#taker.onUpstreamDrain();
    else if (this.#state === IN_TUNNEL) this.wire.destroy();
  }

  onClose(): void {
    this.#home.onClosed(this);
    this.#fail(
      new SkerryError("unavailable/upstream", "The connection to the upstream broke before its answer's end."),
    );
  }
}

const ENDLESS_INTERIMS = new Refusal("invalid", "There are too many interim answers.");
const NO_SWITCH = new Refusal("unavailable/upstream", "It switches to a protocol that was not asked for.");
