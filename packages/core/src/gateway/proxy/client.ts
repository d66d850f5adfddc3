/** A client's connection: requests one after another, each an exchange; what cannot be understood ends it. */

import type { Socket } from "node:net";
import { SkerryError } from "../../domain/errors.ts";
import { BodyReader } from "../http1/body-reader.ts";
import { Refusal } from "../http1/grammar.ts";
import { HeadReader } from "../http1/head-reader.ts";
import { parseRequestHead } from "../http1/request-head.ts";
import { adopt } from "./adopt.ts";
import type { Context } from "./context.ts";
import { Exchange, type ExchangeClient } from "./exchange.ts";
import { forwardedLines, ownAnswer } from "./heads.ts";
import type { UpstreamPools } from "./pool.ts";
import { countRequest } from "./records.ts";
import { Wire, type WireOwner } from "./wire.ts";

const AT_HEAD = 0;
const IN_BODY = 1;
const AWAITING_ANSWER = 2;
const IN_TUNNEL = 3;
/** The last answer is written; what still comes is thrown away, so that the answer is not lost to a reset. */
const LINGERING = 4;

export class ClientConnection implements WireOwner, ExchangeClient {
  readonly readsAfterFailedWrite = false;
  readonly wire: Wire;
  deadlineMs = 0;

  readonly #context: Context;
  readonly #pools: UpstreamPools;
  readonly #onGone: (client: ClientConnection) => void;
  readonly #address: string;
  readonly #isSecure: boolean;
  readonly #reader: HeadReader;
  readonly #body: BodyReader;
  #state = AT_HEAD;
  #exchange: Exchange | undefined;
  #forwardedHost: string | undefined;
  #forwarded = "";
  readonly #passBody = (buffer: Buffer, from: number, to: number): void => this.#exchange?.sendBody(buffer, from, to);

  constructor(
    context: Context,
    pools: UpstreamPools,
    socket: Socket,
    isSecure: boolean,
    onGone: (client: ClientConnection) => void,
  ) {
    this.#pools = pools;
    this.#context = context;
    this.#onGone = onGone;
    this.#isSecure = isSecure;
    this.#address = (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, "");
    this.#reader = new HeadReader(context.limits);
    this.#body = new BodyReader(context.limits);
    this.wire = new Wire(
      this,
      () => context.clientBuffer,
      (onread) => adopt(socket, onread),
    );
    this.setDeadline(context.limits.clientHeadMs);
  }

  get isRequestRead(): boolean {
    return this.#state === AWAITING_ANSWER;
  }

  /** Nothing is in flight: a drain may close it. */
  get isIdle(): boolean {
    return this.#state === AT_HEAD && !this.#reader.begun && !this.wire.isBlocked;
  }

  forwardedFor(hostHeader: string): string {
    if (hostHeader !== this.#forwardedHost) {
      this.#forwardedHost = hostHeader;
      this.#forwarded = forwardedLines(this.#address, this.#isSecure, hostHeader);
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
    else this.wire.destroy();
  }

  onBytes(buffer: Buffer, from: number, to: number): number {
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
    const { bytes, from: headFrom, to: headTo } = this.#reader;
    const head = parseRequestHead(bytes, headFrom, headTo, this.#context.limits);
    if (head instanceof Refusal) return this.#refuse(head, to);
    this.#body.begin(head.bodyBytes, true);
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
      exchange.refuse(this.#body.refusal);
      return to;
    }
    if (this.#body.done) {
      this.#state = AWAITING_ANSWER;
      exchange.onRequestEnd();
    } else if (!exchange.takesBody) this.wire.pause();
    return end;
  }

  /** There is no request that could be an exchange. */
  #refuse(refusal: Refusal, to: number): number {
    const error = new SkerryError(refusal.id, refusal.message);
    const id = this.#context.nextRequestId();
    const answer = ownAnswer(error, { id, dateLine: this.#context.dateLine(), closes: true }, false);
    this.wire.write(answer);
    const { options, stats } = this.#context;
    const record = {
      ...{ id, routeId: undefined, method: "", host: "", path: "", status: error.status, durationMs: 0 },
      ...{ bytesIn: 0, bytesOut: answer.length, upstream: undefined, error: refusal.id },
    };
    stats.requests++;
    countRequest(stats, record);
    options.onRequest(record);
    this.#linger();
    return to;
  }

  onAnswered(closes: boolean): void {
    this.#exchange = undefined;
    // An answer that began before the drain could not say that the connection ends.
    if (closes || this.#context.isDraining) {
      this.#linger();
      return;
    }
    this.#state = AT_HEAD;
    const { clientReadIdleMs, keepAliveMs } = this.#context.limits;
    this.setDeadline(this.wire.isBlocked ? clientReadIdleMs : keepAliveMs);
    this.wire.resume();
  }

  onTunnel(): void {
    this.#state = IN_TUNNEL;
    this.wire.resume();
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
