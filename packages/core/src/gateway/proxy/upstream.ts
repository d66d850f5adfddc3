/** One connection to a backend: requests go out one after another, answers are read as strictly as requests. */
import { SkerryError } from "../../domain/errors.ts";
import { BodyReader } from "../http1/body-reader.ts";
import { Refusal } from "../http1/grammar.ts";
import { HeadReader } from "../http1/head-reader.ts";
import { parseResponseHead, type ResponseHead, UNTIL_CLOSE } from "../http1/response-head.ts";
import type { Context } from "./context.ts";
import type { Wire, WireOwner } from "./wire.ts";

/** Who waits for an answer. */
export interface AnswerTaker {
  readonly isHeadRequest: boolean;
  /** False for a client that knows no chunks. */
  readonly keepsFraming: boolean;
  /** 100, 102 or 103; more will come. */
  onInterim(head: ResponseHead): void;
  /** 101: from now on bytes go through `onTunnelBytes`. */
  onSwitch(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  onBody(buffer: Buffer, from: number, to: number): void;
  /** What one read held of the answer was given; the whole answer with `isLast`. */
  onBatch(isLast: boolean): void;
  onTunnelBytes(buffer: Buffer, from: number, to: number): void;
  onTunnelEnd(): void;
  /** The request's bytes have gone to the kernel. */
  onUpstreamDrain(): void;
  /** No answer, or not its end, will come. `wasSilent`: the connection ended before a byte of the answer. */
  onUpstreamError(error: SkerryError, wasSilent: boolean): void;
}

/** The pool that a connection belongs to. */
export interface Home {
  release(connection: UpstreamConnection): void;
  onClosed(connection: UpstreamConnection): void;
}

const AT_HEAD = 0;
const IN_BODY = 1;
const IN_TUNNEL = 2;

export class UpstreamConnection implements WireOwner {
  readonly readsAfterFailedWrite = true;
  readonly #home: Home;
  readonly createdMs: number;
  /** 0 while it is used. */
  idleSinceMs = 0;
  /** Requests that it has carried. */
  uses = 0;
  /** Set by the pool as soon as the socket is there. */
  wire!: Wire;

  readonly #context: Context;
  readonly #reader: HeadReader;
  readonly #body: BodyReader;
  #taker: AnswerTaker | undefined;
  #head: ResponseHead | undefined;
  #state = AT_HEAD;
  /** Of the answer that is waited for. */
  #interims = 0;
  #bytesBefore = 0;
  #buffer: Buffer | undefined;
  readonly #passBody = (buffer: Buffer, from: number, to: number): void => this.#taker?.onBody(buffer, from, to);

  constructor(home: Home, context: Context) {
    this.#home = home;
    this.#context = context;
    this.createdMs = context.coarseMs;
    this.#reader = new HeadReader(context.limits);
    this.#body = new BodyReader(context.limits);
  }

  begin(taker: AnswerTaker): void {
    this.#taker = taker;
    this.#state = AT_HEAD;
    this.#interims = 0;
    this.#head = undefined;
    this.#bytesBefore = this.wire.bytesIn;
    this.idleSinceMs = 0;
    this.uses++;
  }

  /** The buffer that the connection reads into: the same again, unless it was left to a pending write. */
  nextBuffer(): Buffer {
    this.#buffer ??= Buffer.allocUnsafeSlow(this.#context.limits.upstreamBufferBytes);
    return this.#buffer;
  }

  leaveBuffer(): void {
    this.#buffer = undefined;
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
      this.#home.release(this);
    } else this.wire.destroy();
  }

  /** Both sides of a tunnel have sent their last byte: what is still to be written goes first. */
  endGently(): void {
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
    const { bytes, from: headFrom, to: headTo } = this.#reader;
    const head = parseResponseHead(bytes, headFrom, headTo, this.#context.limits, taker.isHeadRequest);
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
    this.#body.begin(head.bodyBytes, taker.keepsFraming);
    // With a byte behind its end the connection is not used again: it would be the next one's answer.
    this.#head = this.#body.done && !isAlone ? { ...head, keepAlive: false } : head;
    taker.onHead(head);
    if (this.#taker === taker && (isAlone || this.#body.done)) taker.onBatch(this.#body.done);
  }

  #takeBody(taker: AnswerTaker, buffer: Buffer, from: number, to: number): number {
    const end = this.#body.take(buffer, from, to, this.#passBody);
    if (this.#body.refusal !== undefined) return this.#refuse(this.#body.refusal, to);
    if (end < to && this.#head !== undefined) this.#head = { ...this.#head, keepAlive: false };
    if (this.#taker === taker) taker.onBatch(this.#body.done);
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
    taker?.onUpstreamError(error, wasSilent);
  }

  onEnd(): void {
    if (this.#state === IN_TUNNEL && this.#taker !== undefined) this.#taker.onTunnelEnd();
    else if (this.#state === IN_BODY && this.#head?.bodyBytes === UNTIL_CLOSE) this.#taker?.onBatch(true);
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
