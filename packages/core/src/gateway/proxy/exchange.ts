/** One request and its answer: finds the route, takes a connection, passes bytes both ways, gives up in time. */
import { SkerryError } from "../../domain/errors.ts";
import { actingOf } from "../actions/acting.ts";
import { WAIT } from "../actions/cache/turn.ts";
import { Refusal } from "../http1/grammar.ts";
import { CHUNKED, type RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { TableEntry } from "../table.ts";
import { clientCertLine } from "../tls/peer.ts";
import { Answering } from "./answering.ts";
import type { Member } from "./choice.ts";
import type { Context } from "./context.ts";
import { wishesOf } from "./explained.ts";
import { admit, bodyLimitOf, leave } from "./gate.ts";
import { errorId, isRequestId } from "./heads.ts";
import { IDEMPOTENT } from "./methods.ts";
import { Nobody, quietly, renewalOf } from "./nobody.ts";
import { NOT_ASKED, SLOW_BODY, TOO_LATE, TOO_LONG } from "./own-errors.ts";
import { type Asker, PersistentUpstream } from "./persistent.ts";
import { type RequestRecord, recordEnd } from "./records.ts";
import type { RouteCount } from "./route-counts.ts";
import type { ClientSide, UpstreamSide } from "./sides.ts";
import { Tunnel } from "./tunnel.ts";
import type { UpstreamPools } from "./upstream-pools.ts";

export class Exchange extends Answering implements Asker {
  readonly id: string;
  readonly isHeadRequest: boolean;
  readonly isUpgrade: boolean;
  /** Nobody waits for it: what is kept, and too old, is asked for anew. */
  isRenewal = false;

  readonly #pools: UpstreamPools;
  readonly #startMs: number;
  readonly #bytesOutBefore: number;
  /** As the upstream gets it. */
  #sent: RequestHead;
  #bytesIn = 0;
  /** Backends that gave no connection. */
  #tried: readonly Member[] = NONE;
  #persistent: PersistentUpstream | undefined;
  #hasRetried = false;
  #attempts = 0;
  #count: RouteCount | undefined;
  #variantCount: RouteCount | undefined;
  tunnel: Tunnel | undefined;

  constructor(context: Context, pools: UpstreamPools, client: ClientSide, head: RequestHead) {
    super(context, client, head);
    this.#pools = pools;
    this.#sent = head;
    this.id = isRequestId(head.requestId) ? head.requestId : context.nextRequestId();
    this.isHeadRequest = head.method === "HEAD";
    this.isUpgrade = head.isUpgrade;
    this.#startMs = context.options.monotonicMs();
    this.#bytesOutBefore = client.bytesOut;
    context.stats.requests++;
    context.stats.inFlight++;
  }

  get isGone(): boolean {
    return this.phase !== "connect";
  }

  get clientAddress(): string {
    return this.client.peer.address;
  }

  /** The request's body may be sent: a connection is there and takes bytes. */
  get takesBody(): boolean {
    if (this.phase === "connect" || this.phase === "over") return false;
    return this.upstream?.isBlocked === false;
  }

  begin(): void {
    const found = this.context.table.find(this.head);
    this.admitted = admit(this.context, this.head, found, this.client.peer, this.#startMs);
    if (found !== undefined && !(found instanceof Refusal)) {
      this.entry = found;
      this.#count = this.context.counts.of(found.id);
      this.#count.begin();
      this.times = this.context.times.of(found.timeouts);
    }
    if (this.admitted.error !== undefined) this.#answerOwn(this.admitted.error);
    else {
      this.acting = actingOf(found as TableEntry, this, this.client.peer, this.context);
      this.onReady();
    }
  }

  #choose(tried: readonly Member[]): Member | undefined {
    return this.#pools.choose((this.entry as TableEntry).upstream, this, tried);
  }

  /** The request is looked at anew when it has waited for another's answer. */
  onReady(): void {
    if (this.phase !== "connect") return;
    const acting = this.acting;
    const answer = acting?.begin();
    if (acting !== undefined) this.#sent = acting.sent;
    if (answer === WAIT) this.wait(this.context.limits.connectionMs);
    else if (answer instanceof SkerryError) this.#answerOwn(answer);
    else if (answer !== undefined) {
      this.answerWhole(answer);
      if (acting?.wantsRenewal === true) this.#renew(this.entry as TableEntry);
    } else {
      this.#split(this.entry as TableEntry);
      this.#connect(this.#choose(NONE), false, () => this.#pools.refusalOf(this.entry as TableEntry));
    }
  }

  /** From here on it is the variant's. What the gateway answers itself is nobody's. */
  #split(entry: TableEntry): void {
    if (entry.split === undefined) return;
    const chosen = this.context.splits.choose(entry, entry.split, this.head);
    this.entry = chosen;
    this.#variantCount = this.context.counts.ofVariant(entry.id, chosen.variant?.name ?? "");
    this.#variantCount.begin();
  }

  #renew(entry: TableEntry): void {
    const { context, head } = this;
    const { acts } = context;
    if (acts.renewing >= acts.limits.maxCacheRenewals) return;
    acts.renewing++;
    const nobody = new Nobody(context, this.client, head, () => acts.renewing--);
    const renewal = new Exchange(quietly(context), this.#pools, nobody, renewalOf(head));
    nobody.asked = renewal;
    renewal.isRenewal = true;
    renewal.entry = entry;
    renewal.times = context.times.of(entry.timeouts);
    renewal.acting = actingOf(entry, renewal, nobody.peer, renewal.context);
    renewal.onReady();
  }

  /** `otherwise`: the answer when there is nobody to connect to. */
  #connect(member: Member | undefined, isFresh: boolean, otherwise: () => SkerryError): void {
    if (member === undefined) {
      this.#answerOwn(otherwise());
      return;
    }
    this.phase = "connect";
    this.member = member;
    this.wait(this.times.connectMs);
    const rules = this.context.repeating.of(this.entry as TableEntry, this.head.method);
    if (rules === undefined) {
      this.#attempts++;
      this.told = member.state;
      member.state.begin(this.context.coarseMs);
      member.pool.take(this, isFresh);
    } else {
      this.#persistent = new PersistentUpstream(this.context, this.#pools, this, this.entry as TableEntry, rules);
      this.upstream = this.#persistent;
      this.#persistent.begin(member);
    }
  }

  onConnection(upstream: UpstreamSide): void {
    const client = this.client;
    this.upstream = upstream;
    this.phase = "send";
    this.askedMs = this.context.options.monotonicMs();
    this.asChunks = client.speaksChunks && upstream.speaksChunks && this.acting?.filters !== true;
    const { backend } = this.member as Member;
    const shown = clientCertLine(this.entry?.clientTls, client.peer, this.context.options.wallMs);
    const forwarded = client.forwardedFor(this.head.hostHeader) + shown;
    upstream.send(this, this.#sent, { backend, forwarded, id: this.id }, this.asChunks);
    if (client.isRequestRead) this.#onSent();
    else {
      this.wait(this.context.limits.clientBodyIdleMs);
      client.startBody(this.asChunks, bodyLimitOf(this.entry));
    }
  }

  /** Nothing was sent: another backend may be asked. */
  onNoConnection(error: SkerryError): void {
    this.#tried = [...this.#tried, this.member as Member];
    this.#tellEnd(errorId(error));
    const mayTryAnother = error.code === "unavailable" || error.code === "exhausted";
    this.#connect(mayTryAnother ? this.#choose(this.#tried) : undefined, false, () => error);
  }

  /** Chunks may be a byte each. */
  corkRequest(): void {
    if (this.head.bodyBytes === CHUNKED) this.upstream?.cork();
  }

  uncorkRequest(): void {
    this.upstream?.uncork();
  }

  /** A range of the request's body. */
  sendBody(buffer: Buffer, from: number, to: number): void {
    if (this.upstream === undefined) return;
    this.#bytesIn += to - from;
    this.upstream.sendBody(buffer.subarray(from, to));
    if (this.phase !== "send") return;
    this.wait(this.upstream.isBlocked ? this.times.bodyMs : this.context.limits.clientBodyIdleMs);
  }

  /** The request's body has been given to its end. `trailers` are header lines, empty when they came as chunks. */
  onRequestEnd(trailers: string): void {
    if (this.upstream === undefined) return;
    this.upstream.endBody(this.acting?.trailers(trailers) ?? trailers);
    if (this.phase === "send") this.#onSent();
  }

  #onSent(): void {
    this.phase = "wait";
    this.wait(this.times.headMs);
    if (this.client.hasEnded) this.client.hurryDeadline(this.context.limits.halfClosedMs);
  }

  onUpstreamDrain(): void {
    // What is missing now is the client's to send.
    if (this.phase === "send") this.wait(this.context.limits.clientBodyIdleMs);
    this.client.resumeBody();
  }

  /** What was written to the client has gone. */
  onClientDrain(): void {
    if (this.phase === "answer") this.wait(this.times.bodyMs);
    const filter = this.acting?.filter;
    filter?.resume();
    if (filter?.isBlocked !== true) this.upstream?.resume();
  }

  onSwitch(head: ResponseHead): void {
    if (!this.head.isUpgrade) {
      this.fail(NOT_ASKED);
      return;
    }
    this.phase = "tunnel";
    this.context.stats.tunnels++;
    this.context.stats.tunnelsTotal++;
    this.status = 101;
    this.tunnel = new Tunnel(this.context, this.client, this.upstream as UpstreamSide, () => this.#endTunnel());
    this.client.switchProtocols(this.stuck(head));
    if (this.context.isDraining) this.tunnel.leave();
  }

  fromTunnel(buffer: Buffer, from: number, to: number): void {
    this.tunnel?.fromClient(buffer, from, to);
  }

  onTunnelBytes(buffer: Buffer, from: number, to: number): void {
    this.tunnel?.fromUpstream(buffer, from, to);
  }

  onTunnelEnd(): void {
    this.tunnel?.endUpstream();
  }

  /** The client sends no more. */
  onClientEnd(): void {
    if (this.tunnel !== undefined) this.tunnel.endClient();
    else if (!this.client.isRequestRead) this.client.destroy();
    else if (this.phase === "wait" || this.phase === "connect")
      this.client.hurryDeadline(this.context.limits.halfClosedMs);
  }

  /** When both sides have sent their last byte. */
  #endTunnel(): void {
    if (this.phase === "over") return;
    const upstream = this.upstream as UpstreamSide;
    this.end(undefined);
    upstream.endTunnel();
    this.client.onAnswered();
  }

  onUpstreamError(error: SkerryError, wasSilent: boolean, isUntouched: boolean): void {
    const { wasKept } = this.upstream as UpstreamSide;
    this.context.stats.upstreamErrors++;
    const isSafe = isUntouched || (wasSilent && wasKept && IDEMPOTENT.has(this.head.method));
    const isRepeatable = isSafe && !this.#hasRetried && this.head.bodyBytes === 0;
    if (isRepeatable && this.phase === "wait") {
      this.#hasRetried = true;
      this.context.stats.resent++;
      this.upstream = undefined;
      this.#tellEnd(errorId(error));
      this.#connect(this.#choose(NONE), true, () => error);
    } else this.fail(error);
  }

  onDeadline(): void {
    const phase = this.phase as keyof typeof TOO_LATE;
    const isWaiting = phase === "connect" || phase === "wait";
    // Who has closed his side for so long is gone: nobody is to blame for an answer that came late.
    if (isWaiting && this.client.hasEnded) this.client.destroy();
    else if (this.tunnel?.isLeaving === true) this.tunnel.giveUp();
    else if (phase !== "tunnel" && this.#leftMs() <= 0) this.fail(TOO_LONG);
    else if (phase === "send" && this.takesBody) this.fail(SLOW_BODY);
    else if (phase === "answer" && this.client.isBlocked) this.client.destroy();
    else if (this.#persistent === undefined || !isWaiting) this.fail(TOO_LATE[phase]);
    else this.#persistent.onDeadline();
  }

  chose(member: Member): void {
    this.member = member;
  }

  waitFor(forMs: number): void {
    this.wait(forMs);
    if (this.client.hasEnded) this.client.hurryDeadline(this.context.limits.halfClosedMs);
  }

  /** Of the time that the route gives for all of it. */
  #leftMs(): number {
    return this.#startMs + this.times.totalMs - this.context.options.monotonicMs();
  }

  /** Times that a route gives may be shorter than what the coarse clock is behind. */
  protected wait(forMs: number): void {
    const { times, options, coarseMs } = this.context;
    if (this.times === times.usual) this.client.setDeadline(forMs);
    else this.client.setDeadline(Math.min(forMs, this.#leftMs()) + options.monotonicMs() - coarseMs);
  }

  /** The client is gone. */
  abort(): void {
    if (this.phase === "over") return;
    const upstream = this.upstream;
    this.end("aborted");
    upstream?.abandon();
  }

  /** Answers with the error when nothing of an answer was written, else cuts the connection: it must not look whole. */
  fail(error: SkerryError): void {
    const upstream = this.upstream;
    const mayAnswer = this.held !== undefined || (this.phase !== "answer" && this.phase !== "tunnel");
    if (mayAnswer) this.#answerOwn(error);
    else {
      this.end(errorId(error));
      this.client.cut();
    }
    upstream?.abandon();
  }

  #answerOwn(error: SkerryError): void {
    const instead = this.acting?.insteadOf(error);
    if (instead !== undefined) {
      this.held = undefined;
      this.#tellEnd(errorId(error));
      this.answerWhole(instead);
      return;
    }
    this.status = error.status;
    this.client.sendOwn(error, wishesOf(this.head, this.entry, this.context.options, this.admitted.lines));
    this.end(errorId(error));
    this.client.onAnswered();
  }

  #tellEnd(error: RequestRecord["error"]): void {
    this.told?.end(error, this.context.coarseMs);
    this.told = undefined;
    this.#persistent?.tellEnd(error);
  }

  /** Once, however it ends. */
  protected end(error: RequestRecord["error"]): void {
    this.phase = "over";
    if (this.tunnel !== undefined) this.context.stats.tunnels--;
    this.#tellEnd(error);
    this.acting?.close();
    const nowMs = this.context.options.monotonicMs();
    leave(this.context, this.admitted, nowMs);
    recordEnd(this.context, this, this.client.peer, this.#count, this.#variantCount, {
      routeId: this.entry?.id,
      variant: this.entry?.variant?.name,
      status: this.status,
      durationMs: nowMs - this.#startMs,
      upstreamMs: this.headMs === 0 ? undefined : this.headMs - this.askedMs,
      bytesIn: this.#bytesIn,
      bytesOut: this.client.bytesOut - this.#bytesOutBefore,
      upstream: this.member?.pool.name,
      attempts: this.#persistent?.attempts ?? this.#attempts,
      hedges: this.#persistent?.hedges ?? 0,
      error,
    });
  }
}

const NONE: readonly Member[] = [];
