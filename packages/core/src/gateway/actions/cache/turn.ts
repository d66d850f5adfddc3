/** What the cache does with one request: answers it from what is kept, waits for another's answer, keeps its own. */
import type { Cache } from "../../../domain/cache-rules.ts";
import { withoutNames } from "../../http1/field-lines.ts";
import type { RequestHead } from "../../http1/request-head.ts";
import { type ResponseHead, UNTIL_CLOSE } from "../../http1/response-head.ts";
import { headerValue } from "../../routing/asked.ts";
import type { RouteAnswer } from "../own-answer.ts";
import type { ActionState } from "../state.ts";
import { bypassOf, isRenewed, keyOf, partsOf, type Turned, validators, varyOf } from "./asked-key.ts";
import { type Freshness, freshnessOf } from "./freshness.ts";
import { type Given, keptAnswer } from "./kept-answer.ts";
import type { Kept, Moments } from "./response-cache.ts";
import type { Coming } from "./shared.ts";
import { PARTICULAR, traitsOf } from "./traits.ts";

const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
const CONDITIONS: ReadonlySet<string> = new Set(["if-none-match", "if-modified-since"]);
/** 304 says nothing of the body that was kept. */
const NOT_RENEWED = /^(?:content-encoding|content-type|content-range|etag|set-cookie)$/i;

/** The upstream has failed (RFC 5861 4). */
const FAILED: readonly number[] = [500, 502, 503, 504];

/** Another asks for the same: `onReady` follows. */
export const WAIT = Symbol("wait");

interface Times {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
}

export class CacheTurn implements Coming {
  readonly route: string;
  readonly uri: string;
  isDoomed = false;
  readonly #path: string;
  readonly #traits: number;
  readonly #rule: Cache;
  readonly #head: RequestHead;
  readonly #state: ActionState;
  readonly #times: Times;
  readonly #onReady: () => void;
  readonly #turned: Turned;
  /** Set by the first look. */
  #key = "";
  /** What stood for its changes before the upstream was asked. */
  #mark = 0;
  /** The upstream is asked for a change, and may have carried it out. */
  #mayChange = false;
  /** Header lines as the upstream gets them: its answer depends on them. */
  #sentLines = "";
  /** Why it is not looked for; undefined: it is. */
  #bypass: string | undefined;
  #leads = false;
  #isWaiting = false;
  /** It has waited: now it asks for itself. */
  #hasWaited = false;
  #waitsUntilMs = 0;
  #isChanged: Given["isChanged"] = () => false;
  /** Too old, but the upstream may say that it still holds. */
  #stale: Kept | undefined;
  /** Too old: it is given when the upstream fails, if it may be. */
  #old: Kept | undefined;
  /** What was given is too old; and somebody is to ask for it anew. */
  isStale = false;
  wantsRenewal = false;
  #freshness: Freshness | undefined;
  #answer: ResponseHead | undefined;
  #parts: Buffer[] | undefined;
  #bytes = 0;

  constructor(turned: Turned, head: RequestHead, state: ActionState, times: Times, onReady: () => void) {
    const { rule, route } = turned;
    this.route = route;
    this.#path = partsOf(head).path;
    this.uri = `${head.host}${this.#path}`;
    this.#turned = turned;
    this.#rule = rule;
    this.#head = head;
    this.#state = state;
    this.#times = times;
    this.#onReady = onReady;
    this.#traits = traitsOf(head.lines);
    this.#bypass = turned.isPersonal ? "fwd=bypass" : bypassOf(head, this.#traits);
  }

  /**
   * Before the upstream is asked, with these header lines. Undefined: it is to be asked. `isChanged`: what is given becomes something
   * else on its way to the client.
   */
  look(sentLines: string, isChanged: Given["isChanged"]): RouteAnswer | typeof WAIT | undefined {
    this.#isWaiting = false;
    this.#isChanged = isChanged;
    this.#stale = undefined;
    if (this.#bypass !== undefined) return undefined;
    this.#sentLines = sentLines;
    this.#key = keyOf(this.#turned, this.#head, sentLines);
    const nowMs = this.#times.monotonicMs();
    const { cache } = this.#state;
    const find = () => cache.find(this.#key, { route: this.route, path: this.#path }, sentLines, nowMs);
    const isAsked = isRenewed(this.#head, this.#traits);
    const kept = isAsked ? undefined : find();
    if (kept !== undefined && nowMs < kept.freshUntilMs) return this.#hit(kept, nowMs);
    const { isRenewal = false } = this.#turned;
    if (kept !== undefined && !isRenewal && nowMs < kept.renewUntilMs) {
      this.wantsRenewal = this.#head.method === "GET" && cache.mayLead(this.#key, nowMs);
      return this.#hit(kept, nowMs);
    }
    // A part of it is nothing that could be kept.
    if (headerValue(sentLines, "range") !== undefined) this.#bypass = "fwd=bypass";
    if (this.#head.method !== "GET" || this.#bypass !== undefined) return undefined;
    // What is changed, or purged, from now on may be older than that.
    this.isDoomed = false;
    this.#mark = cache.common.mark(this.#turned.project, this.uri);
    cache.add(this);
    this.#old = kept;
    if (kept !== undefined && validators(kept) !== "") this.#stale = kept;
    if (this.#hasWaited || isAsked) return undefined;
    const role = cache.lead(this.#key, this.#ready, nowMs);
    this.#leads = role === "leads";
    // Another worker may have been done with it just before.
    const latest = this.#leads ? find() : undefined;
    if (latest !== undefined && nowMs < latest.freshUntilMs) {
      this.#leaveOff();
      return this.#hit(latest, nowMs);
    }
    this.#isWaiting = role === "waits";
    if (isRenewal && kept !== undefined && !this.#leads) return this.#hit(kept, nowMs);
    if (this.#isWaiting && this.#waitsUntilMs === 0) this.#waitsUntilMs = nowMs + this.#state.limits.collapseMs;
    return this.#isWaiting ? WAIT : undefined;
  }

  #hit(kept: Kept, nowMs: number): RouteAnswer {
    this.isStale = nowMs >= kept.freshUntilMs;
    return this.#give(kept, nowMs, `hit; ttl=${Math.ceil((kept.freshUntilMs - nowMs) / 1000)}`);
  }

  #give(kept: Kept, nowMs: number, status: string): RouteAnswer {
    const isPlain = (this.#traits & PARTICULAR) === 0;
    return keptAnswer(kept, this.#head, { nowMs, status, isPlain, isChanged: this.#isChanged });
  }

  /** What is too old, in place of the answer that the upstream has failed with this status. `status` is of Cache-Status. */
  insteadOf(failed: number, status = "fwd=stale"): RouteAnswer | undefined {
    const old = this.#old;
    const nowMs = this.#times.monotonicMs();
    if (old === undefined || !FAILED.includes(failed) || nowMs >= old.errorUntilMs) return undefined;
    const { cache } = this.#state;
    // Nor is it given when it was changed, or purged, meanwhile.
    if (this.isDoomed || cache.common.mark(old.project, old.uri) !== old.mark) return undefined;
    cache.pass(this.#key, nowMs);
    this.#leaveOff();
    return this.#give(old, nowMs, `${status}; ttl=${Math.ceil((old.freshUntilMs - nowMs) / 1000)}`);
  }

  /** Waits no more: it asks for itself. */
  giveUp(): void {
    if (!this.#isWaiting) return;
    this.#state.cache.leave(this.#key, this.#ready);
    this.#ready(true);
  }

  readonly #ready = (isKnown: boolean): void => {
    this.#isWaiting = false;
    this.#hasWaited = isKnown || this.#times.monotonicMs() >= this.#waitsUntilMs;
    this.#onReady();
  };

  /** The request that goes out: it asks whether what is kept still holds. */
  asks(sent: RequestHead): RequestHead {
    this.#mayChange = !SAFE.has(this.#head.method);
    if (this.#stale === undefined) return sent;
    return { ...sent, lines: withoutNames(sent.lines, CONDITIONS) + validators(this.#stale) };
  }

  /** The answer of the upstream has begun. Gives what stands in its place, when that is something kept. */
  received(head: ResponseHead): ResponseHead | RouteAnswer {
    const { cache } = this.#state;
    if (head.status >= 400) this.#mayChange = false;
    this.#evict();
    if (this.#bypass !== undefined) return withStatus(head, this.#bypass);
    if (this.#stale !== undefined && head.status === 304) return this.#renew(this.#stale, head);
    const why = this.#old === undefined ? "fwd=uri-miss" : `fwd=stale; fwd-status=${head.status}`;
    const instead = this.insteadOf(head.status, why);
    if (instead !== undefined) return instead;
    this.#freshness = this.#mayKeep(head);
    if (this.#freshness === undefined) {
      // A head alone, or that it has not changed, says nothing of what others would get.
      if (this.#head.method === "GET" && head.status !== 304) cache.pass(this.#key, this.#times.monotonicMs());
      this.#settle();
      return withStatus(head, why);
    }
    this.#answer = head;
    this.#parts = [];
    return withStatus(head, `${why}; stored`);
  }

  /** Before the client hears of it, no worker gives what was kept before. */
  #evict(): void {
    if (!this.#mayChange) return;
    this.#mayChange = false;
    this.#state.cache.common.change(this.#turned.project, this.uri);
  }

  get isKeeping(): boolean {
    return this.#parts !== undefined;
  }

  #mayKeep(head: ResponseHead): Freshness | undefined {
    const { bodyBytes, contentLength = 0 } = head;
    // What ends with its connection may be a part only.
    if (this.#head.method !== "GET" || bodyBytes === UNTIL_CLOSE || contentLength > this.#most) return undefined;
    return freshnessOf(head, this.#rule, this.#times.wallMs());
  }

  get #most(): number {
    return this.#rule.maxBytes ?? this.#state.limits.usualCacheEntryBytes;
  }

  /** What is kept still holds: its head is told anew (RFC 9111 3.2). */
  #renew(stale: Kept, head: ResponseHead): RouteAnswer {
    const fresh = head.lines.split("\r\n").filter((line) => {
      return line !== "" && !NOT_RENEWED.test(line.slice(0, line.indexOf(":")));
    });
    const names = new Set(["age", ...fresh.map((line) => line.slice(0, line.indexOf(":")).toLowerCase())]);
    const lines = withoutNames(stale.lines, names) + fresh.map((line) => `${line}\r\n`).join("");
    const nowMs = this.#times.monotonicMs();
    const freshness = freshnessOf({ ...head, status: stale.status, lines }, this.#rule, this.#times.wallMs());
    const depends = this.#dependsOn(lines);
    const renewed: Kept = {
      ...{ ...stale, ...depends, lines, mark: this.#mark },
      ...timesOf(freshness ?? OVER, nowMs),
    };
    if (freshness === undefined) this.#state.cache.forget(this.#key);
    else if (!this.isDoomed) this.#state.cache.keep(this.#key, renewed);
    this.#settle();
    return this.#give(renewed, nowMs, "fwd=stale; fwd-status=304");
  }

  /** On what of the request an answer with these lines depends. */
  #dependsOn(lines: string): Pick<Kept, "vary" | "varied"> {
    const vary = varyOf(lines);
    return { vary, varied: vary.map((name) => headerValue(this.#sentLines, name)) };
  }

  take(bytes: Buffer): void {
    if (this.#parts === undefined) return;
    const { cache, limits } = this.#state;
    this.#bytes += bytes.length;
    cache.fillBytes += bytes.length;
    this.#parts.push(bytes);
    const { maxCacheFillBytes, maxCacheAheadBytes } = limits;
    const isTooMuch = cache.fillBytes > maxCacheFillBytes || cache.aheadBytes > maxCacheAheadBytes;
    if (this.#bytes <= this.#most && !isTooMuch) return;
    // The next ones would wait in vain as well.
    cache.pass(this.#key, this.#times.monotonicMs());
    this.#leaveOff();
  }

  ahead(bytes: number): void {
    this.#state.cache.aheadBytes += bytes;
  }

  end(trailers: string): void {
    const parts = this.#parts;
    const head = this.#answer;
    const freshness = this.#freshness;
    if (parts === undefined || head === undefined || freshness === undefined) return;
    if (trailers === "" && !this.isDoomed) {
      const nowMs = this.#times.monotonicMs();
      const date = head.hasDate ? "" : `Date: ${new Date(this.#times.wallMs()).toUTCString()}\r\n`;
      this.#state.cache.keep(this.#key, {
        ...{ route: this.route, project: this.#turned.project, uri: this.uri, mark: this.#mark },
        ...{ status: head.status, lines: head.lines + date },
        ...{ body: joined(parts, this.#bytes), ...this.#dependsOn(head.lines) },
        ...timesOf(freshness, nowMs),
      });
    }
    this.#leaveOff();
  }

  /** Nothing is kept, or more than was. Who waits goes on. */
  #leaveOff(isKnown = true): void {
    this.#state.cache.fillBytes -= this.#bytes;
    this.#bytes = 0;
    this.#parts = undefined;
    this.#state.cache.remove(this);
    this.#settle(isKnown);
  }

  #settle(isKnown = true): void {
    if (!this.#leads) return;
    this.#leads = false;
    this.#state.cache.settle(this.#key, isKnown);
  }

  /** The request is over, however. */
  close(): void {
    // Who knows what has become of it?
    this.#evict();
    if (this.#isWaiting) this.#state.cache.leave(this.#key, this.#ready);
    this.#isWaiting = false;
    this.#leaveOff(false);
  }
}

const OVER: Freshness = { ttlMs: 0, ageMs: 0, renewMs: 0, errorMs: 0 };

function timesOf({ ttlMs, ageMs, renewMs, errorMs }: Freshness, nowMs: number): Moments {
  const freshUntilMs = nowMs + ttlMs - ageMs;
  return {
    madeMs: nowMs - ageMs,
    freshUntilMs,
    renewUntilMs: freshUntilMs + renewMs,
    errorUntilMs: freshUntilMs + errorMs,
  };
}

/** In memory of its own: a few bytes of a pool would hold all of it for as long as they are kept. */
function joined(parts: readonly Buffer[], bytes: number): Buffer {
  const all = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const part of parts) at += part.copy(all, at);
  return all;
}

function withStatus(head: ResponseHead, status: string): ResponseHead {
  return { ...head, lines: `${head.lines}Cache-Status: skerry; ${status}\r\n` };
}
