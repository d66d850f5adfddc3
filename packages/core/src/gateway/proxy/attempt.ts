/** One time that a backend is asked; of several that a request may take. */
import type { SkerryError } from "../../domain/errors.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Member } from "./choice.ts";
import type { Context } from "./context.ts";
import type { ConnectionTaker } from "./pool.ts";
import type { RequestRecord } from "./records.ts";
import type { AnswerTaker, UpstreamSide } from "./sides.ts";

/** Who asks, and decides which answer is the client's. */
export interface Attempts {
  readonly isHeadRequest: boolean;
  readonly isUpgrade: boolean;
  onConnected(attempt: Attempt, upstream: UpstreamSide): void;
  onUnconnected(attempt: Attempt, error: SkerryError): void;
  onHead(attempt: Attempt, head: ResponseHead): void;
  onInterim(attempt: Attempt, head: ResponseHead): void;
  onSwitch(attempt: Attempt, head: ResponseHead): void;
  onFailure(attempt: Attempt, error: SkerryError, wasSilent: boolean, isUntouched: boolean): void;
  onDrain(attempt: Attempt): void;
}

export class Attempt implements ConnectionTaker, AnswerTaker {
  readonly member: Member;
  /** Beside another one that is slow. */
  readonly isHedge: boolean;
  upstream: UpstreamSide | undefined;
  /** Monotonic time at which the request went out. */
  askedMs = 0;
  readonly #attempts: Attempts;
  readonly #context: Context;
  /** Who gets its answer, once it is the client's. */
  #winner: AnswerTaker | undefined;
  #isDropped = false;
  /** The backend's state has heard the end. */
  #isTold = false;
  /** Bytes of an answer that nobody wants; the connection is good for others when they are few. */
  #unwantedBytes = -1;
  #deadline: ReturnType<Context["deadlines"]["add"]> | undefined;

  constructor(attempts: Attempts, context: Context, member: Member, isHedge: boolean) {
    this.#attempts = attempts;
    this.#context = context;
    this.member = member;
    this.isHedge = isHedge;
    member.state.begin(context.coarseMs);
  }

  get isHeadRequest(): boolean {
    return this.#attempts.isHeadRequest;
  }

  get isUpgrade(): boolean {
    return this.#attempts.isUpgrade;
  }

  get isGone(): boolean {
    return this.#isDropped;
  }

  get #isUnwanted(): boolean {
    return this.#unwantedBytes >= 0;
  }

  /** It is over, as far as the backend is to blame or to praise. */
  tellEnd(error: RequestRecord["error"]): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.member.state.end(error, this.#context.coarseMs);
  }

  /** Another one was quicker: it is nobody's fault. */
  lose(): void {
    if (!this.#isTold) {
      const nowMs = this.#context.options.monotonicMs();
      this.member.state.outrun(this.askedMs === 0 ? 0 : nowMs - this.askedMs, nowMs);
    }
    this.#isTold = true;
    this.drop();
  }

  /** Its answer is the client's. */
  win(taker: AnswerTaker): void {
    this.#winner = taker;
  }

  /** Nobody waits for it any more. */
  drop(): void {
    this.#isDropped = true;
    this.upstream?.abandon();
  }

  /** Told with its head: nobody wants the answer, but what is left of it may come. */
  leave(head: ResponseHead): void {
    this.#isDropped = true;
    const { deadlines, coarseMs, limits } = this.#context;
    if (!this.isHeadRequest && (head.contentLength ?? 0) > MAX_UNWANTED_BYTES) {
      this.upstream?.abandon();
      return;
    }
    this.#unwantedBytes = 0;
    this.#deadline = deadlines.add(coarseMs + limits.lingerMs, () => this.upstream?.abandon());
  }

  onConnection(upstream: UpstreamSide): void {
    this.upstream = upstream;
    this.#attempts.onConnected(this, upstream);
  }

  onNoConnection(error: SkerryError): void {
    this.#attempts.onUnconnected(this, error);
  }

  onInterim(head: ResponseHead): void {
    this.#attempts.onInterim(this, head);
  }

  onSwitch(head: ResponseHead): void {
    this.#attempts.onSwitch(this, head);
  }

  onHead(head: ResponseHead): void {
    const nowMs = this.#context.options.monotonicMs();
    if (!this.#isTold) this.member.state.answered(head.status, nowMs - this.askedMs, nowMs);
    this.#attempts.onHead(this, head);
  }

  onBody(buffer: Buffer, from: number, to: number): void {
    if (this.#winner !== undefined) this.#winner.onBody(buffer, from, to);
    else if (this.#isUnwanted) this.#unwantedBytes += to - from;
  }

  onBatch(isLast: boolean, trailers: string): void {
    if (this.#winner !== undefined) this.#winner.onBatch(isLast, trailers);
    else if (this.#isUnwanted && (isLast || this.#unwantedBytes > MAX_UNWANTED_BYTES)) this.#endUnwanted(isLast);
  }

  #endUnwanted(isWhole: boolean): void {
    this.#unwantedBytes = -1;
    if (this.#deadline !== undefined) this.#context.deadlines.delete(this.#deadline);
    if (isWhole) this.upstream?.finish(true);
    else this.upstream?.abandon();
  }

  onTunnelBytes(buffer: Buffer, from: number, to: number): void {
    this.#winner?.onTunnelBytes(buffer, from, to);
  }

  onTunnelEnd(): void {
    this.#winner?.onTunnelEnd();
  }

  onUpstreamDrain(): void {
    this.#attempts.onDrain(this);
  }

  onUpstreamError(error: SkerryError, wasSilent: boolean, isUntouched: boolean): void {
    if (this.#deadline !== undefined) this.#context.deadlines.delete(this.#deadline);
    if (this.#winner !== undefined) this.#winner.onUpstreamError(error, wasSilent, isUntouched);
    else if (!this.#isDropped) this.#attempts.onFailure(this, error, wasSilent, isUntouched);
  }
}

/** Of an answer that is thrown away: a new connection costs less than more of them. */
const MAX_UNWANTED_BYTES = 64 * 1024;
