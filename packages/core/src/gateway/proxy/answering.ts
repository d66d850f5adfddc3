/** The half of an exchange that brings its answer to the client: as it comes, or through what the route does with it. */
import type { SkerryError } from "../../domain/errors.ts";
import type { Acting } from "../actions/acting.ts";
import type { RouteAnswer } from "../actions/own-answer.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import { afterTurns } from "../http2/flusher.ts";
import type { TableEntry } from "../table.ts";
import type { BackendState } from "../upstreams/state.ts";
import { withStickyCookie } from "../upstreams/sticky.ts";
import type { Member } from "./choice.ts";
import type { Context } from "./context.ts";
import { explained } from "./explained.ts";
import { Filtered } from "./filtered.ts";
import { type Admitted, YES } from "./guarded.ts";
import { BROKEN_FILTER } from "./own-errors.ts";
import type { RequestRecord } from "./records.ts";
import type { ClientSide, UpstreamSide } from "./sides.ts";
import type { Times } from "./times.ts";

/** A head that came alone is held so long: in the second turn a reset behind it is read, in the third the socket is closed. */
const HELD_TURNS = 3;

/** Waits for a connection, then sends, then waits for the answer, then passes it on. */
type Phase = "connect" | "send" | "wait" | "answer" | "tunnel" | "over";

export abstract class Answering {
  readonly head: RequestHead;
  times: Times;
  protected readonly context: Context;
  protected readonly client: ClientSide;
  protected phase: Phase = "connect";
  protected entry: TableEntry | undefined;
  protected admitted: Admitted = YES;
  /** Of a route that does more than pass on. */
  protected acting: Acting | undefined;
  protected member: Member | undefined;
  /** What hears how it goes on with the backend; undefined when it has heard the end. */
  protected told: BackendState | undefined;
  protected upstream: UpstreamSide | undefined;
  /** Chunked bodies go through as they stand on the wire: both sides speak HTTP/1.1. */
  protected asChunks = false;
  /** Of an answer: the client side has not got it. */
  protected held: ResponseHead | undefined;
  protected status = 0;
  protected askedMs = 0;
  protected headMs = 0;
  protected filtered: Filtered | undefined;

  constructor(context: Context, client: ClientSide, head: RequestHead) {
    this.context = context;
    this.client = client;
    this.head = head;
    this.times = context.times.usual;
  }

  /** Something must happen within so long. */
  protected abstract wait(forMs: number): void;
  /** Once, however it ends. */
  protected abstract end(error: RequestRecord["error"]): void;
  abstract get isHeadRequest(): boolean;
  abstract fail(error: SkerryError): void;

  onInterim(head: ResponseHead): void {
    // Nobody needs to be told to wait who does not read.
    if (!this.head.isHttp10 && !this.client.isBlocked) this.client.sendInterim(head);
  }

  onHead(head: ResponseHead): void {
    this.phase = "answer";
    this.headMs = this.context.options.monotonicMs();
    this.told?.answered(head.status, this.headMs - this.askedMs, this.headMs);
    this.held = head;
  }

  onBody(buffer: Buffer, from: number, to: number): void {
    if (this.held !== undefined) this.#sendHead(this.held);
    const filter = this.acting?.filter;
    if (filter === undefined) this.client.sendBody(buffer, from, to);
    else filter.take(buffer, from, to);
  }

  onBatch(isLast: boolean, trailers: string): void {
    const client = this.client;
    const upstream = this.upstream as UpstreamSide;
    if (this.held !== undefined) {
      if (!isLast) {
        this.#holdHead();
        return;
      }
      this.#sendHead(this.held);
    }
    const filter = this.acting?.filter;
    if (filter !== undefined && !isLast && filter.replaces !== true) this.filtered?.onBatch(filter, upstream);
    else if (filter !== undefined) {
      this.upstream = undefined;
      // What is left of an answer that nobody wants may never come.
      if (isLast) upstream.finish(client.isRequestRead);
      else upstream.abandon();
      filter.end(trailers);
    } else if (isLast) {
      client.endAnswer(trailers);
      this.end(undefined);
      upstream.finish(client.isRequestRead);
      client.onAnswered();
    } else {
      client.flush();
      this.onFlushed();
      if (client.isBlocked) upstream.pause();
    }
  }

  onFlushed(): void {
    this.wait(this.client.isBlocked ? this.context.limits.clientReadIdleMs : this.times.bodyMs);
  }

  /** The head came alone: an upstream that breaks off at once is told of, and a body that comes at once goes with it. */
  #holdHead(): void {
    this.wait(this.times.bodyMs);
    afterTurns(this.context.flusher, HELD_TURNS, () => {
      if (this.held === undefined || this.phase !== "answer") return;
      this.#sendHead(this.held);
      this.onBatch(false, "");
    });
  }

  #sendHead(head: ResponseHead): void {
    this.held = undefined;
    if (this.acting !== undefined) this.#sendActed(head, false);
    else this.#sendStuck(this.stuck(head));
  }

  #sendActed(head: ResponseHead, isOwn: boolean): void {
    const acting = this.acting as Acting;
    this.filtered = new Filtered(this.client, this);
    if (isOwn) this.#sendStuck(acting.answered(head, this.filtered));
    else this.#sendStuck(this.stuck(acting.received(head, this.filtered)));
  }

  #sendStuck(head: ResponseHead): void {
    this.status = head.status;
    this.client.sendHead(
      explained(head, this.head, this.entry, this.context.options, this.admitted.lines),
      this.asChunks,
    );
  }

  protected stuck(head: ResponseHead): ResponseHead {
    const { entry, client } = this;
    const stuck = withStickyCookie(head, entry?.upstream.sticky, this.member?.stickyValue, this.head, client);
    const variant = entry?.variant;
    if (variant === undefined) return stuck;
    return withStickyCookie(stuck, variant.sticky, variant.stickyValue, this.head, client);
  }

  protected answerWhole({ head, body }: RouteAnswer): void {
    this.phase = "answer";
    this.#sendActed(head, true);
    const filter = this.acting?.filter;
    if (filter !== undefined) {
      if (body.length > 0) filter.give(body);
      filter.end("");
      return;
    }
    if (!this.isHeadRequest && body.length > 0) this.client.sendBody(body, 0, body.length);
    this.endAnswer("");
  }

  onFilterDrain(): void {
    // Else the client says when it goes on.
    if (!this.client.isBlocked) this.upstream?.resume();
  }

  /** All of the answer has been given to the client. */
  endAnswer(trailers: string): void {
    const client = this.client;
    client.endAnswer(trailers);
    this.end(undefined);
    client.onAnswered();
  }

  breakFiltered(): void {
    this.fail(BROKEN_FILTER);
  }
}
