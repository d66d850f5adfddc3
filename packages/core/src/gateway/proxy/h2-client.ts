/** A client's HTTP/2 connection: each stream is an exchange. */
import { SkerryError } from "../../domain/errors.ts";
import { Refusal } from "../http1/grammar.ts";
import { Http2Connection } from "../http2/connection.ts";
import type { ConnectionOwner } from "../http2/connection-owner.ts";
import type { FieldBlock } from "../http2/hpack-decoder.ts";
import { ENHANCE_YOUR_CALM, Fault, SETTINGS_TIMEOUT } from "../http2/protocol.ts";
import { readRequest } from "../http2/request-fields.ts";
import type { Http2Stream } from "../http2/stream.ts";
import type { Peer } from "../tls/peer.ts";
import type { Context } from "./context.ts";
import { H2ClientStream } from "./h2-client-stream.ts";
import { forwardedLines, NO_WISHES } from "./heads.ts";
import { recordRefusal } from "./records.ts";
import type { ProxyClient } from "./sides.ts";
import type { UpstreamPools } from "./upstream-pools.ts";
import type { Wire } from "./wire.ts";

const NOT_SETTLED = new Fault(SETTINGS_TIMEOUT, "The settings were not confirmed in time.");
const ENDLESS_HEAD = new Fault(ENHANCE_YOUR_CALM, "A header block did not come to its end in time.");

export class H2Client implements ConnectionOwner, ProxyClient {
  readonly wire: Wire;
  readonly connection: Http2Connection;

  readonly #context: Context;
  readonly #pools: UpstreamPools;
  readonly #onGone: (client: ProxyClient) => void;
  readonly peer: Peer;
  readonly #streams = new Set<H2ClientStream>();
  /** When nothing is open: by then it must be. */
  #idleUntilMs: number;
  #settledByMs: number;
  #leftByMs = Number.POSITIVE_INFINITY;
  #forwardedHost: string | undefined;
  #forwarded = "";

  /** `take` makes the wire, whose owner this connection is from now on. */
  constructor(
    context: Context,
    pools: UpstreamPools,
    take: (owner: Http2Connection) => Wire,
    peer: Peer,
    onGone: (client: ProxyClient) => void,
  ) {
    this.#context = context;
    this.#pools = pools;
    this.#onGone = onGone;
    const { flusher, http2, limits } = context;
    const nowMs = (): number => context.coarseMs;
    this.connection = new Http2Connection(this, {
      ...{ isServer: true, limits: http2, flusher, nowMs, counts: context.stats.http2.client },
    });
    this.wire = take(this.connection);
    this.peer = peer;
    this.#idleUntilMs = context.coarseMs + limits.clientHeadMs;
    this.#settledByMs = context.coarseMs + http2.settingsMs;
    this.connection.begin(this.wire);
  }

  get isIdle(): boolean {
    return this.#streams.size === 0 && !this.wire.isBlocked;
  }

  /** When something must have happened: the earliest of all that is under way. */
  get deadlineMs(): number {
    let earliest = Math.min(this.#settledByMs, this.#leftByMs, this.connection.openBlockByMs);
    if (this.#streams.size === 0) return Math.min(earliest, this.#idleUntilMs);
    for (const { deadlineMs } of this.#streams) if (deadlineMs < earliest) earliest = deadlineMs;
    return earliest;
  }

  onDeadline(): void {
    const nowMs = this.#context.coarseMs;
    const { connection } = this;
    if (connection.isSettled) this.#settledByMs = Number.POSITIVE_INFINITY;
    if (connection.isOver || !connection.isGreeted) this.wire.destroy();
    else if (nowMs > this.#settledByMs) connection.fail(NOT_SETTLED);
    else if (nowMs > connection.openBlockByMs) connection.fail(ENDLESS_HEAD);
    else this.#onLate(nowMs);
  }

  #onLate(nowMs: number): void {
    for (const stream of [...this.#streams]) if (nowMs > stream.deadlineMs) stream.onDeadline();
    // GOAWAY tells a client that nothing of it was lost.
    const isIdleTooLong = this.#streams.size === 0 && nowMs > this.#idleUntilMs;
    if (isIdleTooLong || nowMs > this.#leftByMs) {
      this.#leftByMs = Number.POSITIVE_INFINITY;
      this.connection.finishLeaving();
    }
  }

  leave(): void {
    this.#leftByMs = this.#context.coarseMs + this.#context.http2.goAwayMs;
    if (this.connection.isGreeted) this.connection.leave();
    else this.wire.destroy();
    for (const stream of this.#streams) stream.leave();
  }

  forwardedFor(hostHeader: string): string {
    if (hostHeader !== this.#forwardedHost) {
      this.#forwardedHost = hostHeader;
      this.#forwarded = forwardedLines(this.peer.address, this.peer.tls !== undefined, hostHeader);
    }
    return this.#forwarded;
  }

  onStream(stream: Http2Stream, block: FieldBlock, endsStream: boolean): void {
    const head = readRequest(block, endsStream, this.#context.limits);
    if (head instanceof Fault) {
      const fault = this.connection.refuse(stream.id, head);
      if (fault !== undefined) this.connection.fail(fault);
    } else if (head instanceof Refusal) this.#refuse(stream, head);
    else {
      const client = new H2ClientStream(this.#context, this, stream);
      this.#streams.add(client);
      client.begin(head, this.#pools);
    }
  }

  /** There is no request that could be an exchange. */
  #refuse(stream: Http2Stream, refusal: Refusal): void {
    const error = new SkerryError(refusal.id, refusal.message);
    const id = this.#context.nextRequestId();
    const client = new H2ClientStream(this.#context, this, stream);
    this.#streams.add(client);
    client.answerOwn(error, id, NO_WISHES);
    client.close();
    const { bytesOut } = stream;
    recordRefusal(this.#context, { id, peer: this.peer, status: error.status, bytesOut, error: refusal.id });
  }

  onSettings(): void {
    this.#idleUntilMs = this.#context.coarseMs + this.#context.limits.keepAliveMs;
  }

  onStreamOver(stream: Http2Stream): void {
    const { owner } = stream;
    if (owner instanceof H2ClientStream) this.#streams.delete(owner);
    this.#idleUntilMs = this.#context.coarseMs + this.#context.limits.keepAliveMs;
  }

  onGoAway(): void {}

  onReadEnd(): void {}

  /** It sends nothing more: what it waits for is still given. */
  onPeerEnd(): void {
    this.connection.finishLeaving();
    for (const stream of this.#streams) stream.onConnectionEnd();
  }

  onOver(): void {
    this.#leftByMs = Number.POSITIVE_INFINITY;
    this.#settledByMs = Number.POSITIVE_INFINITY;
    this.onSent();
  }

  onSent(): void {
    const { wire } = this;
    const { clientReadIdleMs, lingerMs } = this.#context.limits;
    // What was sent last may still be on its way to one who reads slowly.
    if (wire.isBlocked) this.#idleUntilMs = this.#context.coarseMs + clientReadIdleMs;
    else if (wire.hasEnded) wire.destroy();
    else this.#idleUntilMs = this.#context.coarseMs + lingerMs;
  }

  onClose(): void {
    this.#onGone(this);
  }
}
