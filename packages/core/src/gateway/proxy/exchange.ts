/** One request and its answer: finds the route, takes a connection, passes bytes both ways, gives up in time. */
import { SkerryError } from "../../domain/errors.ts";
import { Refusal } from "../http1/grammar.ts";
import { CHUNKED, type RequestHead } from "../http1/request-head.ts";
import { type ResponseHead, UNTIL_CLOSE } from "../http1/response-head.ts";
import type { TableEntry } from "../table.ts";
import type { Context } from "./context.ts";
import { type AnswerFacts, errorId, interimHead, isRequestId, ownAnswer, requestHead, responseHead } from "./heads.ts";
import {
  IDLE_TUNNEL,
  LOOP,
  NO_CONNECTION,
  NO_ROUTE,
  NO_UPSTREAM,
  NOT_ASKED,
  OVERLOADED,
  SLOW_UPSTREAM,
} from "./own-errors.ts";
import type { ConnectionTaker, Member, UpstreamPools } from "./pool.ts";
import { countRequest, type RequestRecord } from "./records.ts";
import type { AnswerTaker, UpstreamConnection } from "./upstream.ts";
import type { Wire } from "./wire.ts";

/** The client's side of an exchange. */
export interface ExchangeClient {
  readonly wire: Wire;
  /** All of the request's body has been read. */
  readonly isRequestRead: boolean;
  /** Header lines that say who asks, for this Host. */
  forwardedFor(hostHeader: string): string;
  /** The exchange must do something by then, see `onDeadline`. */
  setDeadline(inMs: number): void;
  /** By then, if not before. */
  hurryDeadline(inMs: number): void;
  /** The answer has been written. `closes`: it said that the connection ends. */
  onAnswered(closes: boolean): void;
  /** The answer cannot be completed. */
  cut(): void;
  /** From now on bytes go through `fromTunnel`. */
  onTunnel(): void;
}

/** RFC 9110 9.2.2: asking twice is asking once. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Which sides of a tunnel have sent their last byte. */
const CLIENT_HALF = 1;
const UPSTREAM_HALF = 2;

/** Waits for a connection, then sends, then waits for the answer, then passes it on. */
type Phase = "connect" | "send" | "wait" | "answer" | "tunnel" | "over";

export class Exchange implements ConnectionTaker, AnswerTaker {
  readonly head: RequestHead;
  readonly id: string;
  readonly keepsFraming: boolean;
  readonly isHeadRequest: boolean;

  readonly #context: Context;
  readonly #pools: UpstreamPools;
  readonly #client: ExchangeClient;
  readonly #startMs: number;
  readonly #bytesOutBefore: number;
  #bytesIn = 0;
  #entry: TableEntry | undefined;
  #member: Member | undefined;
  /** Backends that gave no connection. */
  #tried: readonly Member[] = NONE;
  #upstream: UpstreamConnection | undefined;
  #phase: Phase = "connect";
  #hasRetried = false;
  #answerHead: string | undefined;
  #isAnswerChunked = false;
  #status = 0;
  #closes = false;
  #endedHalves = 0;

  constructor(context: Context, pools: UpstreamPools, client: ExchangeClient, head: RequestHead) {
    this.#pools = pools;
    this.#context = context;
    this.#client = client;
    this.head = head;
    this.id = isRequestId(head.requestId) ? head.requestId : context.nextRequestId();
    this.keepsFraming = !head.isHttp10;
    this.isHeadRequest = head.method === "HEAD";
    this.#startMs = context.options.monotonicMs();
    this.#bytesOutBefore = client.wire.bytesOut;
    context.stats.requests++;
    context.stats.inFlight++;
  }

  get isGone(): boolean {
    return this.#phase !== "connect";
  }

  /** The request's body may be sent: a connection is there and takes bytes. */
  get takesBody(): boolean {
    if (this.#phase === "connect" || this.#phase === "over") return false;
    return !(this.#upstream as UpstreamConnection).wire.isBlocked;
  }

  begin(): void {
    const { limits, stats, table } = this.#context;
    const { target } = this.head;
    const query = target.indexOf("?");
    const path = target === "*" ? "/" : query < 0 ? target : target.slice(0, query);
    const found = table.find(this.head.host, path);
    if (stats.inFlight > limits.maxInFlight) this.#answerOwn(OVERLOADED);
    else if (this.head.hops >= limits.maxHops) this.#answerOwn(LOOP);
    else if (found === undefined) this.#answerOwn(NO_ROUTE);
    else if (found instanceof Refusal) this.#answerOwn(new SkerryError(found.id, found.message));
    else {
      this.#entry = found;
      const { upstream } = found;
      this.#connect(this.#pools.next(upstream, NONE), false, () => NO_UPSTREAM);
    }
  }

  /** `otherwise`: the answer when there is nobody to connect to. */
  #connect(member: Member | undefined, isFresh: boolean, otherwise: () => SkerryError): void {
    if (member === undefined) {
      this.#answerOwn(otherwise());
      return;
    }
    this.#phase = "connect";
    this.#member = member;
    this.#client.setDeadline(this.#context.limits.connectionMs);
    member.pool.take(this, isFresh);
  }

  onConnection(connection: UpstreamConnection): void {
    this.#upstream = connection;
    this.#phase = "send";
    connection.begin(this);
    const forwarded = this.#client.forwardedFor(this.head.hostHeader);
    connection.wire.write(requestHead(this.head, (this.#member as Member).backend, forwarded, this.id));
    if (this.#client.isRequestRead) this.#onSent();
    else {
      this.#client.setDeadline(this.#context.limits.clientBodyIdleMs);
      this.#client.wire.resume();
    }
  }

  /** Nothing was sent: another backend may be asked. */
  onNoConnection(error: SkerryError): void {
    this.#tried = [...this.#tried, this.#member as Member];
    const mayTryAnother = error.code === "unavailable" || error.code === "exhausted";
    const another = mayTryAnother ? this.#pools.next((this.#entry as TableEntry).upstream, this.#tried) : undefined;
    this.#connect(another, false, () => error);
  }

  /** Chunks may be a byte each. */
  corkRequest(): void {
    if (this.head.bodyBytes === CHUNKED) this.#upstream?.wire.cork();
  }

  uncorkRequest(): void {
    this.#upstream?.wire.uncork();
  }

  /** A range of the request's body. */
  sendBody(buffer: Buffer, from: number, to: number): void {
    if (this.#upstream === undefined) return;
    this.#bytesIn += to - from;
    this.#upstream.wire.write(this.#lasting(buffer, from, to));
    if (this.#phase === "send") this.#client.setDeadline(this.#context.limits.clientBodyIdleMs);
  }

  /** Clients share one buffer: what may wait in a write is copied out of it. */
  #lasting(buffer: Buffer, from: number, to: number): Buffer {
    const range = buffer.subarray(from, to);
    return this.#client.wire.isRecycled ? Buffer.from(range) : range;
  }

  /** The request has been read, and given to the upstream, to its end. */
  onRequestEnd(): void {
    if (this.#phase === "send") this.#onSent();
  }

  #onSent(): void {
    this.#phase = "wait";
    this.#client.setDeadline(this.#context.limits.upstreamHeadMs);
    if (this.#client.wire.hasEnded) this.#client.hurryDeadline(this.#context.limits.halfClosedMs);
  }

  onUpstreamDrain(): void {
    this.#client.wire.resume();
  }

  onInterim(head: ResponseHead): void {
    const { wire } = this.#client;
    // Nobody needs to be told to wait who does not read.
    if (!this.head.isHttp10 && !wire.isBlocked) wire.write(interimHead(head, this.id));
  }

  onHead(head: ResponseHead): void {
    this.#phase = "answer";
    this.#status = head.status;
    this.#isAnswerChunked = head.bodyBytes === CHUNKED;
    this.#closes = this.#mustClose() || head.bodyBytes === UNTIL_CLOSE;
    this.#answerHead = responseHead(head, this.head, this.#facts(this.#closes));
  }

  onBody(buffer: Buffer, from: number, to: number): void {
    const { wire } = this.#client;
    const head = this.#answerHead;
    this.#answerHead = undefined;
    if (this.#isAnswerChunked) wire.cork();
    if (head === undefined) wire.write(buffer.subarray(from, to));
    else if (to - from > this.#context.limits.smallBodyBytes) wire.writeBoth(head, buffer.subarray(from, to));
    // Latin1 maps each byte to one character and back.
    else wire.write(head + buffer.toString("latin1", from, to));
  }

  onBatch(isLast: boolean): void {
    const { wire } = this.#client;
    if (this.#answerHead !== undefined) {
      wire.write(this.#answerHead);
      this.#answerHead = undefined;
    }
    wire.uncork();
    const upstream = this.#upstream as UpstreamConnection;
    if (isLast) {
      if (wire.needsBytes) upstream.leaveBuffer();
      this.#end(undefined);
      upstream.finish(this.#client.isRequestRead);
      this.#client.onAnswered(this.#closes);
      return;
    }
    const { clientReadIdleMs, upstreamBodyIdleMs } = this.#context.limits;
    this.#client.setDeadline(wire.isBlocked ? clientReadIdleMs : upstreamBodyIdleMs);
    if (wire.isBlocked) upstream.wire.pause();
  }

  /** What was written to the client has gone. */
  onClientDrain(): void {
    if (this.#phase === "answer") this.#client.setDeadline(this.#context.limits.upstreamBodyIdleMs);
    this.#upstream?.wire.resume();
  }

  onSwitch(head: ResponseHead): void {
    if (!this.head.isUpgrade) {
      this.#break(NOT_ASKED);
      return;
    }
    this.#phase = "tunnel";
    this.#status = 101;
    this.#client.wire.write(interimHead(head, this.id));
    this.#client.setDeadline(this.#context.limits.tunnelIdleMs);
    this.#client.onTunnel();
  }

  fromTunnel(buffer: Buffer, from: number, to: number): void {
    const { wire } = this.#upstream as UpstreamConnection;
    wire.write(this.#lasting(buffer, from, to));
    if (wire.isBlocked) this.#client.wire.pause();
    this.#keepTunnel();
  }

  onTunnelBytes(buffer: Buffer, from: number, to: number): void {
    const { wire } = this.#client;
    wire.write(buffer.subarray(from, to));
    if (wire.isBlocked) (this.#upstream as UpstreamConnection).wire.pause();
    this.#keepTunnel();
  }

  #keepTunnel(): void {
    const { tunnelIdleMs, halfClosedMs } = this.#context.limits;
    this.#client.setDeadline(this.#endedHalves === 0 ? tunnelIdleMs : halfClosedMs);
  }

  onTunnelEnd(): void {
    this.#endTunnelHalf(UPSTREAM_HALF, this.#client.wire);
  }

  /** The client sends no more. */
  onClientEnd(): void {
    if (this.#phase === "tunnel") this.#endTunnelHalf(CLIENT_HALF, (this.#upstream as UpstreamConnection).wire);
    else if (!this.#client.isRequestRead) this.#client.wire.destroy();
    else if (this.#phase === "wait") this.#client.hurryDeadline(this.#context.limits.halfClosedMs);
  }

  /** Told more than once. */
  #endTunnelHalf(half: number, other: Wire): void {
    if ((this.#endedHalves & half) !== 0) return;
    this.#endedHalves |= half;
    other.end();
    this.#keepTunnel();
    if (this.#endedHalves !== CLIENT_HALF + UPSTREAM_HALF) return;
    const upstream = this.#upstream as UpstreamConnection;
    this.#end(undefined);
    upstream.endGently();
    this.#client.onAnswered(true);
  }

  onUpstreamError(error: SkerryError, wasSilent: boolean): void {
    const wasKept = (this.#upstream as UpstreamConnection).uses > 1;
    this.#context.stats.upstreamErrors++;
    const isRepeatable =
      wasSilent && wasKept && !this.#hasRetried && this.head.bodyBytes === 0 && IDEMPOTENT.has(this.head.method);
    if (isRepeatable && this.#phase === "wait") {
      this.#hasRetried = true;
      this.#upstream = undefined;
      this.#connect(this.#pools.next((this.#entry as TableEntry).upstream, NONE), true, () => error);
    } else this.#break(error);
  }

  /** The request's body is not HTTP. */
  refuse(refusal: Refusal): void {
    this.#break(new SkerryError(refusal.id, refusal.message));
  }

  onDeadline(): void {
    if (this.#phase === "tunnel") this.#break(IDLE_TUNNEL);
    else if (this.#phase === "connect") this.#break(NO_CONNECTION);
    else if (this.#isClientSlow()) this.#client.wire.destroy();
    else this.#break(SLOW_UPSTREAM);
  }

  #isClientSlow(): boolean {
    if (this.#phase === "send") return this.takesBody;
    return this.#phase === "answer" && this.#client.wire.isBlocked;
  }

  /** The client is gone. */
  abort(): void {
    if (this.#phase === "over") return;
    const upstream = this.#upstream;
    this.#end("aborted");
    upstream?.abandon();
  }

  /** Answers with the error when nothing of an answer was written, else cuts the connection: it must not look whole. */
  #break(error: SkerryError): void {
    const upstream = this.#upstream;
    const mayAnswer = this.#phase !== "answer" && this.#phase !== "tunnel";
    if (mayAnswer) this.#answerOwn(error);
    else this.#cut(errorId(error));
    upstream?.abandon();
  }

  #cut(error: string): void {
    this.#end(error);
    this.#client.cut();
  }

  #answerOwn(error: SkerryError): void {
    const closes = this.#mustClose();
    this.#status = error.status;
    this.#client.wire.write(ownAnswer(error, this.#facts(closes), this.isHeadRequest));
    this.#end(errorId(error));
    this.#client.onAnswered(closes);
  }

  #facts(closes: boolean): AnswerFacts {
    return { id: this.id, dateLine: this.#context.dateLine(), closes };
  }

  /** A request whose end has not been read may never end. */
  #mustClose(): boolean {
    const { isRequestRead, wire } = this.#client;
    return !this.head.keepAlive || !isRequestRead || this.#context.isDraining || wire.hasEnded;
  }

  /** Once, however it ends. */
  #end(error: string | undefined): void {
    this.#phase = "over";
    const { options, stats } = this.#context;
    const { wire } = this.#client;
    const query = this.head.target.indexOf("?");
    const record: RequestRecord = {
      id: this.id,
      routeId: this.#entry?.id,
      method: this.head.method,
      host: this.head.host,
      path: query < 0 ? this.head.target : this.head.target.slice(0, query),
      status: this.#status,
      durationMs: options.monotonicMs() - this.#startMs,
      bytesIn: this.#bytesIn,
      bytesOut: wire.bytesOut - this.#bytesOutBefore,
      upstream: this.#member?.pool.name,
      error,
    };
    stats.inFlight--;
    countRequest(stats, record);
    options.onRequest(record);
  }
}

const NONE: readonly Member[] = [];
