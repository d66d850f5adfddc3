/** What the actions of a route do with one request. */
import { SkerryError } from "../../domain/errors.ts";
import type { RouteActions } from "../../domain/route-actions.ts";
import { withoutNames } from "../http1/field-lines.ts";
import { CHUNKED, type RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Deadlines } from "../proxy/deadlines.ts";
import type { TableEntry } from "../table.ts";
import type { Peer } from "../tls/peer.ts";
import { Replay, Tap } from "./cache/tap.ts";
import { CacheTurn, WAIT } from "./cache/turn.ts";
import { Compressor } from "./compressor.ts";
import type { AnswerFilter, FilterHost } from "./filter.ts";
import type { HeaderValues } from "./header-edit.ts";
import { EMPTY, headOf, type RouteAnswer, routeAnswer } from "./own-answer.ts";
import { answerOf, type Prepared, prepare, requestOf } from "./prepared.ts";
import type { ActionState, CacheResult } from "./state.ts";

/** Whose request it is. */
interface Request {
  readonly head: RequestHead;
  readonly id: string;
  /** Nobody waits for it. */
  readonly isRenewal: boolean;
  /** What it has waited for is there, or will not come: `begin` again. */
  onReady(): void;
}

interface Options {
  readonly httpsPort?: () => number;
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
}

interface Surroundings {
  readonly acts: ActionState;
  readonly options: Options;
  readonly deadlines: Deadlines;
  readonly coarseMs: number;
}

/** Undefined: the route only passes on. */
export function actingOf(entry: TableEntry, request: Request, peer: Peer, around: Surroundings): Acting | undefined {
  return entry.actions === undefined ? undefined : new Acting(entry, entry.actions, request, peer, around);
}

export class Acting {
  /** The request as the upstream is to get it. */
  sent: RequestHead;
  /** What the body of the answer goes through; undefined: nothing. */
  filter: AnswerFilter | undefined;
  readonly #actions: RouteActions;
  readonly #request: Request;
  readonly #peer: Peer;
  readonly #around: Surroundings;
  readonly #turn: CacheTurn | undefined;
  #hasBegun = false;
  #deadline: ReturnType<Deadlines["add"]> | undefined;
  readonly #ready: Prepared;
  /** What the browser may is in the answer already. */
  #isPreflight = false;

  /** `actions` are those of the entry. */
  constructor(entry: TableEntry, actions: RouteActions, request: Request, peer: Peer, around: Surroundings) {
    this.#actions = actions;
    this.#request = request;
    this.#peer = peer;
    this.#around = around;
    this.#ready = prepare(entry, actions);
    this.sent = request.head;
    const { cache } = this.#ready;
    if (cache === undefined) return;
    const isPersonal = entry.clientTls !== undefined;
    const { isRenewal } = request;
    const of = { route: entry.id, project: entry.project ?? "", scheme: this.#scheme };
    const turned = { ...cache, ...of, isPersonal, isRenewal };
    this.#turn = new CacheTurn(turned, request.head, around.acts, around.options, () => this.#onReady());
  }

  /** Bodies of answers, or trailers of the request, are looked at: they must not come as chunks. */
  get filters(): boolean {
    const { compress, request } = this.#ready;
    if (compress !== undefined || this.#turn !== undefined) return true;
    return request !== undefined && this.#request.head.bodyBytes === CHUNKED;
  }

  /** What may go on of the trailers of the request: programs that add them to its headers would take them for what the route says. */
  trailers(lines: string): string {
    const { request } = this.#ready;
    return lines === "" || request === undefined ? lines : withoutNames(lines, request.said);
  }

  /** The answer without an upstream; undefined: `sent` is to be passed on. */
  begin(): RouteAnswer | SkerryError | typeof WAIT | undefined {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      const answer = this.#ownAnswer();
      if (answer !== undefined) return answer;
    }
    const turn = this.#turn;
    const kept = turn?.look(this.sent.lines, (whole) => this.#compresses(whole));
    if (turn !== undefined && kept === undefined) this.sent = turn.asks(this.sent);
    if (kept !== undefined && kept !== WAIT) this.#count(turn?.isStale === true ? "stale" : "hit");
    if (turn !== undefined && kept === WAIT) {
      const { deadlines, coarseMs, acts } = this.#around;
      this.#deadline = deadlines.add(coarseMs + acts.limits.collapseMs, () => turn.giveUp());
    }
    return kept;
  }

  /** What is kept, and too old, when this failure is to be the answer. */
  insteadOf(error: SkerryError): RouteAnswer | undefined {
    const old = this.#turn?.insteadOf(error.status);
    if (old !== undefined) this.#count("stale");
    return old;
  }

  #count(result: CacheResult): void {
    if (!this.#request.isRenewal) this.#around.acts.cacheResults[result]++;
  }

  /** What was given is too old: `renew` is to be begun. */
  get wantsRenewal(): boolean {
    return this.#turn?.wantsRenewal === true;
  }

  #compresses(whole: ResponseHead): boolean {
    return this.#ready.compress?.choose(whole, this.#request.head, true).encoding !== undefined;
  }

  #onReady(): void {
    this.#forgetDeadline();
    this.#request.onReady();
  }

  #forgetDeadline(): void {
    if (this.#deadline !== undefined) this.#around.deadlines.delete(this.#deadline);
    this.#deadline = undefined;
  }

  #ownAnswer(): RouteAnswer | SkerryError | undefined {
    const { head } = this.#request;
    const { hostHeader, host, target } = head;
    const preflight = this.#ready.cors?.preflight(head);
    if (preflight !== undefined) {
      this.#isPreflight = true;
      return { head: headOf(204, preflight, EMPTY), body: EMPTY };
    }
    const asked = { scheme: this.#scheme, hostHeader, host, target };
    const answer = routeAnswer(this.#actions, this.#ready, asked, this.#around.options.httpsPort?.() ?? 443);
    if (answer !== undefined) return answer;
    const sent = requestOf(this.#ready, head, () => this.#values());
    if (sent instanceof SkerryError) return sent;
    this.sent = sent;
    return undefined;
  }

  /** The same for an answer of the upstream: it may be kept, or say that what is kept still holds. */
  received(head: ResponseHead, host: FilterHost): ResponseHead {
    const turn = this.#turn;
    const got = turn === undefined ? head : turn.received(head);
    if ("body" in got) {
      this.#count(head.status === 304 ? "revalidated" : "stale");
      const answer = this.answered(got.head, host);
      this.filter = new Replay(host, this.filter, got.body);
      return answer;
    }
    if (turn !== undefined) this.#count(turn.isKeeping ? "miss" : "passed");
    if (turn?.isKeeping !== true) return this.answered(got, host);
    const tap = new Tap(host, turn);
    const answer = this.answered(got, tap);
    tap.next = this.filter;
    this.filter = tap;
    return answer;
  }

  /** The request is over, however. */
  close(): void {
    this.filter?.close();
    this.#turn?.close();
    this.#forgetDeadline();
  }

  /** The head of an answer as the client is to get it; from then on its body goes through `filter`. */
  answered(head: ResponseHead, host: FilterHost): ResponseHead {
    if (this.#isPreflight) return head;
    const { head: asked } = this.#request;
    const answer = answerOf(this.#ready, head, asked, () => this.#values());
    const { compress } = this.#ready;
    if (compress === undefined) return answer;
    const { acts } = this.#around;
    const { limits, compressing } = acts;
    const choice = compress.choose(answer, asked, compressing < limits.maxCompressing);
    const { encoding } = choice;
    if (encoding !== undefined && asked.method !== "HEAD") {
      acts.compressing++;
      const { level } = compress;
      // Who has said how long it is is at its end soon.
      const flushes = head.contentLength === undefined;
      this.filter = new Compressor(host, { encoding, level }, flushes, () => acts.compressing--, acts);
    }
    return choice.head;
  }

  get #scheme(): string {
    return this.#peer.tls === undefined ? "http" : "https";
  }

  #values(): HeaderValues {
    const { head, id } = this.#request;
    return { client_ip: this.#peer.address, host: head.host, request_id: id, scheme: this.#scheme };
  }
}
