/** Who asks when nobody does: what is kept, and too old, is asked for anew, and what comes is kept and else dropped. */
import { withoutNames } from "../http1/field-lines.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { Peer } from "../tls/peer.ts";
import type { Context } from "./context.ts";
import type { Deadline } from "./deadlines.ts";
import { emptyStats } from "./records.ts";
import type { ClientSide } from "./sides.ts";

/** What one client alone has, or wants. */
const ONES_OWN: ReadonlySet<string> = new Set([
  "if-none-match",
  "if-modified-since",
  "range",
  "if-range",
  "cache-control",
  "pragma",
]);

export function renewalOf(head: RequestHead): RequestHead {
  return { ...head, lines: withoutNames(head.lines, ONES_OWN), requestId: undefined, ticket: undefined };
}

const quiet = new WeakMap<Context, Context>();

/** The same, but what it does is counted and logged nowhere: no client has asked for it. */
export function quietly(context: Context): Context {
  let made = quiet.get(context);
  if (made === undefined) {
    const options = { ...context.options, onRequest: () => undefined };
    made = Object.assign(Object.create(context) as Context, { options, stats: emptyStats() });
    quiet.set(context, made);
  }
  return made;
}

interface Asked {
  onDeadline(): void;
  abort(): void;
}

export class Nobody implements ClientSide {
  readonly peer: Peer;
  readonly speaksChunks = false;
  readonly isRequestRead = true;
  readonly hasEnded = false;
  readonly isBlocked = false;
  readonly bytesOut = 0;
  asked: Asked | undefined;
  readonly #context: Context;
  readonly #forwarded: string;
  readonly #onEnd: () => void;
  #deadline: Deadline | undefined;
  #hasEnded = false;

  /** In place of this client. `onEnd`: once. */
  constructor(context: Context, client: ClientSide, { hostHeader }: RequestHead, onEnd: () => void) {
    this.peer = client.peer;
    this.#context = context;
    this.#forwarded = client.forwardedFor(hostHeader);
    this.#onEnd = onEnd;
  }

  forwardedFor(): string {
    return this.#forwarded;
  }

  setDeadline(inMs: number): void {
    const { deadlines, coarseMs } = this.#context;
    this.#forget();
    this.#deadline = deadlines.add(coarseMs + inMs, () => this.asked?.onDeadline());
  }

  #forget(): void {
    if (this.#deadline !== undefined) this.#context.deadlines.delete(this.#deadline);
    this.#deadline = undefined;
  }

  hurryDeadline(): void {}

  startBody(): void {}

  pauseBody(): void {}

  resumeBody(): void {}

  sendInterim(): void {}

  sendHead(): void {}

  sendBody(): void {}

  flush(): void {}

  endAnswer(): void {}

  sendOwn(): void {}

  switchProtocols(): void {}

  endTunnelHalf(): void {}

  onAnswered(): void {
    this.#end();
  }

  cut(): void {
    this.#end();
  }

  destroy(): void {
    this.asked?.abort();
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#forget();
    this.#onEnd();
  }
}
