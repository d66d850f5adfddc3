/**
 * An upstream that does not give up at once, nor wait for one that is slow (see hedging.ts). To the exchange it is one; behind it backends are asked again where that is safe:
 * when the method allows it, or the upstream has not seen the request, when all of the body is at hand, while nothing of an
 * answer went to the client, and while the route's budget has something left. Between two attempts there is a pause with full
 * jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
 */
import type { SkerryError } from "../../domain/errors.ts";
import type { RetryCause } from "../../domain/route-delivery.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { TableEntry } from "../table.ts";
import { Alarm } from "./alarm.ts";
import { Attempt, type Attempts } from "./attempt.ts";
import type { Asking, Member } from "./choice.ts";
import type { Context } from "./context.ts";
import { errorId } from "./heads.ts";
import { Hedger } from "./hedger.ts";
import { KeptBody } from "./kept-body.ts";
import { IDEMPOTENT, SAFE } from "./methods.ts";
import { NO_UPSTREAM, TOO_LATE } from "./own-errors.ts";
import type { ConnectionTaker } from "./pool.ts";
import type { RequestRecord } from "./records.ts";
import type { Repeating } from "./repeating.ts";
import type { AnswerTaker, RequestFacts, UpstreamSide } from "./sides.ts";
import type { Times } from "./times.ts";
import type { UpstreamPools } from "./upstream-pools.ts";

/** The exchange, as it is seen from here. */
export interface Asker extends ConnectionTaker, AnswerTaker, Asking {
  readonly head: RequestHead;
  readonly times: Times;
  /** This backend is asked now. */
  chose(member: Member): void;
  /** The answer must have gone on by then, see `onDeadline`. */
  waitFor(forMs: number): void;
  /** Nothing more can be done. */
  fail(error: SkerryError): void;
}

export class PersistentUpstream implements UpstreamSide, Attempts {
  readonly speaksChunks = false;
  readonly wasKept = false;
  readonly #context: Context;
  readonly #pools: UpstreamPools;
  readonly #asker: Asker;
  readonly #entry: TableEntry;
  readonly #rules: Repeating;
  readonly #body: KeptBody;
  readonly #alarm = new Alarm();
  readonly #hedger: Hedger | undefined;
  /** Times that a backend was asked. */
  attempts = 0;
  /** Those whose answer is awaited. */
  #live: Attempt[] = [];
  #tried: Member[] = [];
  #winner: Attempt | undefined;
  /** The first that could be sent to. */
  #first: Attempt | undefined;
  #facts: RequestFacts | undefined;
  /** As the route makes it. */
  #head: RequestHead | undefined;
  #left: number;
  #hasRefreshed = false;
  /** Something that is no answer yet went to the client. */
  #hasTold = false;
  #isOver = false;

  constructor(context: Context, pools: UpstreamPools, asker: Asker, entry: TableEntry, rules: Repeating) {
    this.#context = context;
    this.#pools = pools;
    this.#asker = asker;
    this.#entry = entry;
    this.#rules = rules;
    this.#left = rules.attempts;
    this.#body = new KeptBody(context.kept, asker.head.bodyBytes !== 0 && !asker.isUpgrade);
    rules.budget.fill();
    const { hedging } = rules;
    if (hedging === undefined || !SAFE.has(asker.head.method) || asker.isUpgrade) return;
    const ask = (member: Member): void => this.#ask(member, false, true);
    this.#hedger = new Hedger(context, hedging, () => this.#another(), ask);
  }

  /** Of the attempts, those beside one that was slow. */
  get hedges(): number {
    return this.#hedger?.count ?? 0;
  }

  get isHeadRequest(): boolean {
    return this.#asker.isHeadRequest;
  }

  get isUpgrade(): boolean {
    return this.#asker.isUpgrade;
  }

  begin(member: Member): void {
    if (this.#body.isWhole) this.#hedger?.begin();
    this.#ask(member, false, false);
  }

  /** `isHedge`: beside another one, which has its time. */
  #ask(member: Member, isFresh: boolean, isHedge: boolean): void {
    const attempt = new Attempt(this, this.#context, member, isHedge);
    this.attempts++;
    this.#live.push(attempt);
    this.#tried.push(member);
    if (!isHedge) {
      this.#asker.chose(member);
      this.#asker.waitFor(this.#asker.times.connectMs);
    }
    member.pool.take(attempt, isFresh);
  }

  /** Who may be asked besides, now that the first one is slow. */
  #another(): Member | undefined {
    const isAwaited = this.#live.length > 0 && this.#winner === undefined && !this.#isOver;
    if (!isAwaited || this.#hasTold || !this.#body.isWhole) return undefined;
    if (this.#pools.isBound(this.#entry.upstream, this.#asker)) return undefined;
    return this.#choose([...this.#tried, ...this.#live.map(({ member }) => member)]);
  }

  onConnected(attempt: Attempt, upstream: UpstreamSide): void {
    if (this.#facts === undefined) {
      this.#first = attempt;
      this.#asker.onConnection(this);
      return;
    }
    this.#send(attempt, upstream, this.#facts);
    this.#body.replay(upstream);
    if (!attempt.isHedge) this.#asker.waitFor(this.#asker.times.headMs);
  }

  #send(attempt: Attempt, upstream: UpstreamSide, facts: RequestFacts): void {
    attempt.askedMs = this.#context.options.monotonicMs();
    upstream.send(attempt, this.#head ?? this.#asker.head, { ...facts, backend: attempt.member.backend }, false);
  }

  /** Nothing was sent: others may be asked, for nothing. */
  onUnconnected(attempt: Attempt, error: SkerryError): void {
    this.#forget(attempt);
    attempt.tellEnd(errorId(error));
    if (this.#live.length > 0) return;
    const mayTryAnother = error.code === "unavailable" || error.code === "exhausted";
    const another = mayTryAnother ? this.#choose(this.#tried) : undefined;
    if (another !== undefined) this.#ask(another, false, false);
    else if (mayTryAnother && this.#mayRepeat("connect", true)) this.#repeat(false);
    else this.#asker.fail(error);
  }

  onHead(attempt: Attempt, head: ResponseHead): void {
    // Another one may do better, and is asked already.
    if (head.status >= 500 && this.#live.length > 1) {
      this.#forget(attempt);
      attempt.tellEnd(undefined);
      attempt.leave(head);
      return;
    }
    const cause = CAUSE_OF[head.status];
    if (cause !== undefined && this.#mayRepeat(cause, false)) {
      this.#forget(attempt);
      attempt.tellEnd(undefined);
      attempt.leave(head);
      this.#repeat(false);
      return;
    }
    this.#decide(attempt);
    this.#asker.onHead(head);
  }

  onSwitch(attempt: Attempt, head: ResponseHead): void {
    this.#decide(attempt);
    this.#asker.onSwitch(head);
  }

  onInterim(_attempt: Attempt, head: ResponseHead): void {
    // Whose answer it will be is not decided.
    if (this.#live.length > 1) return;
    // What is said with 103 holds for this answer.
    if (head.status !== 100) this.#hasTold = true;
    this.#asker.onInterim(head);
  }

  onFailure(attempt: Attempt, error: SkerryError, wasSilent: boolean, isUntouched: boolean): void {
    this.#forget(attempt);
    attempt.tellEnd(errorId(error));
    if (this.#live.length > 0) {
      this.#context.stats.upstreamErrors++;
      return;
    }
    const wasKept = attempt.upstream?.wasKept === true;
    // A connection that was kept and has died since says nothing about the backend.
    const wasStale = isUntouched || (wasSilent && wasKept && IDEMPOTENT.has(this.#asker.head.method));
    if (wasStale && !this.#hasRefreshed && this.#body.isWhole && !this.#hasTold) {
      this.#hasRefreshed = true;
      this.#context.stats.upstreamErrors++;
      this.#askNext([], true);
    } else if (this.#mayRepeat("reset", isUntouched)) {
      this.#context.stats.upstreamErrors++;
      this.#repeat(wasKept);
    } else this.#asker.onUpstreamError(error, false, false);
  }

  onDrain(): void {
    this.#asker.onUpstreamDrain();
  }

  /** The time is over in which there should have been a connection, or a head. */
  onDeadline(): void {
    const attempts = this.#live;
    const isConnected = attempts.some(({ upstream }) => upstream !== undefined);
    if (!this.#mayRepeat(isConnected ? "timeout" : "connect", !isConnected)) {
      this.#asker.fail(isConnected ? TOO_LATE.wait : TOO_LATE.connect);
      return;
    }
    this.#live = [];
    for (const attempt of attempts) {
      const error = isConnected ? "unavailable/head-timeout" : "unavailable/connect-timeout";
      attempt.tellEnd(attempt.isHedge ? "aborted" : error);
      attempt.drop();
    }
    this.#repeat(false);
  }

  /** Counts as one more. `isUnseen`: no upstream has got the request. */
  #mayRepeat(cause: RetryCause, isUnseen: boolean): boolean {
    const { on, budget } = this.#rules;
    const { head } = this.#asker;
    if (this.#isOver || this.#winner !== undefined || this.#hasTold || this.#left === 0 || !on.has(cause)) return false;
    if (!isUnseen && (!IDEMPOTENT.has(head.method) || head.isUpgrade)) return false;
    if (this.#facts !== undefined && !this.#body.isWhole) return false;
    if (budget.take()) return true;
    this.#context.stats.retriesRefused++;
    return false;
  }

  /** After a pause. `isFresh`: on a new connection. */
  #repeat(isFresh: boolean): void {
    const { attempts, backoffMs } = this.#rules;
    const mostMs = Math.min(backoffMs * 2 ** (attempts - this.#left), backoffMs * MAX_BACKOFF_FACTOR);
    const pauseMs = Math.floor(this.#context.options.random.fraction() * (mostMs + 1));
    this.#left--;
    this.#context.stats.retries++;
    this.#asker.waitFor(pauseMs + this.#asker.times.connectMs);
    this.#alarm.set(pauseMs, () => this.#askNext(this.#tried, isFresh));
  }

  /** Past those that were tried, unless all were. */
  #askNext(tried: readonly Member[], isFresh: boolean): void {
    let member = this.#choose(tried);
    if (member === undefined) {
      this.#tried = [];
      member = this.#choose(this.#tried);
    }
    if (member === undefined) this.#asker.fail(NO_UPSTREAM);
    else this.#ask(member, isFresh, false);
  }

  #choose(tried: readonly Member[]): Member | undefined {
    return this.#pools.choose(this.#entry.upstream, this.#asker, tried);
  }

  #forget(attempt: Attempt): void {
    this.#live = this.#live.filter((one) => one !== attempt);
  }

  /** Its answer is the client's. */
  #decide(attempt: Attempt): void {
    this.#winner = attempt;
    const others = this.#live.filter((one) => one !== attempt);
    this.#live = [attempt];
    for (const other of others) other.lose();
    this.#asker.chose(attempt.member);
    // One that was sent again was waited for longer than its answer took.
    if (this.attempts === 1 + this.hedges) this.#hedger?.observe();
    else this.#hedger?.stop();
    if (attempt.isHedge) this.#context.stats.hedgesWon++;
    this.#body.release();
    attempt.win(this.#asker);
  }

  /** It is over, whatever still runs. */
  tellEnd(error: RequestRecord["error"]): void {
    for (const attempt of this.#live) {
      // Who was asked besides had less time than the first.
      attempt.tellEnd(attempt.isHedge && attempt !== this.#winner ? "aborted" : error);
    }
  }

  // What the exchange does with it.

  get #upstream(): UpstreamSide | undefined {
    return this.#live[0]?.upstream;
  }

  send(_taker: AnswerTaker, head: RequestHead, facts: RequestFacts): void {
    this.#head = head;
    this.#facts = facts;
    const attempt = this.#first as Attempt;
    this.#send(attempt, attempt.upstream as UpstreamSide, facts);
  }

  get isBlocked(): boolean {
    return this.#upstream?.isBlocked === true;
  }

  sendBody(bytes: Buffer): void {
    this.#body.keep(bytes);
    this.#upstream?.sendBody(bytes);
  }

  cork(): void {
    this.#upstream?.cork();
  }

  uncork(): void {
    this.#upstream?.uncork();
  }

  endBody(trailers: string): void {
    this.#body.end(trailers);
    this.#upstream?.endBody(trailers);
    if (this.#body.isWhole && this.attempts === 1) this.#hedger?.begin();
  }

  pause(): void {
    this.#upstream?.pause();
  }

  resume(): void {
    this.#upstream?.resume();
  }

  finish(isRequestSent: boolean): void {
    this.#end();
    this.#upstream?.finish(isRequestSent);
  }

  abandon(): void {
    this.#end();
    // Who was not told another end was given up.
    this.tellEnd("aborted");
    const attempts = this.#live;
    this.#live = [];
    for (const attempt of attempts) attempt.drop();
  }

  endTunnelHalf(): void {
    this.#upstream?.endTunnelHalf();
  }

  endTunnel(): void {
    this.#end();
    this.#upstream?.endTunnel();
  }

  #end(): void {
    this.#isOver = true;
    this.#alarm.clear();
    this.#hedger?.stop();
    this.#body.release();
  }
}

const CAUSE_OF: Readonly<Record<number, RetryCause>> = { 502: "502", 503: "503", 504: "504" };
/** Pauses grow no longer than so many times the first. */
const MAX_BACKOFF_FACTOR = 10;
